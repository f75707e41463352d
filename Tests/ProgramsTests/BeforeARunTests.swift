// What comes before a run: options from a file, the dry run, the version; and what ends one early.

import Foundation
import Platform
import ProcessSupport
import Testing

extension Programs {
  @Suite struct BeforeARun {
    private let workspace: Workspace
    init() throws { workspace = try Workspace.withCorpora() }

    private func hash(_ run: ProgramRun) throws -> String {
      try #require(run.status == ExitStatus.success, "\(run)")
      return String(
        try #require(run.lines.first { $0.hasPrefix("Weights hash ") }, "\(run)").split(separator: " ")[2])
    }

    // MARK: --config

    /// A run, the line that it prints, that line as a file, and the same weights.
    @Test func whatIsPrintedToRepeatIsAFileOfOptions() throws {
      let first = try workspace.train(
        [
          "--data", "prose.txt", "--val-frac", "25%", "--num-steps", "1e1", "--seed", "7", "--checkpoint",
          "a.jld2",
        ]
          + Small.sizes + Small.quiet)
      let line = try #require(first.entries.first { $0.hasPrefix("Repeat with ") }, "\(first)")
      // As it stands, wrapped or not.
      let printed = try #require(first.output.firstRange(of: "Repeat with ")).lowerBound
      for (name, text) in [("one.conf", line), ("printed.conf", String(first.output[printed...]))] {
        try workspace.write(Array("# from the log\n\(text)\n".utf8), to: name)
        let again = try workspace.train(["--config", name, "--no-save"] + Small.quiet)
        #expect(try hash(again) == hash(first), "\(again)")
      }
      // The command line wins.
      let other = try workspace.train(["--config", "one.conf", "--no-save", "--seed", "8"] + Small.quiet)
      #expect(try hash(other) != hash(first))
    }

    /// Only the launcher reads the file: ranks on other hosts need not have it.
    @Test(.needsMpirun) func theLauncherExpandsTheFile() throws {
      let text = "data = prose.txt\nnp = 2\nmax-steps = 2\nno-save\nhash-interval = 1\n"
      try workspace.write(Array(text.utf8), to: "run.conf")
      let run = try workspace.train(["--config", "run.conf"] + Small.sizes + Small.quiet)
      #expect(run.status == ExitStatus.success && run.output.contains("2 ranks on 1 host"), "\(run)")
      #expect(!run.errors.contains("run.conf"), "\(run)")
    }

    // MARK: --dry-run

    @Test(.needsMpirun, arguments: [nil, 2, 3])
    func aDryRunSaysThePlanAndTouchesNothing(ranks: Int?) throws {
      let earlier = try workspace.train(Small.chunks + ["--checkpoint", "c.jld2", "--max-steps", "2"])
      try #require(earlier.status == ExitStatus.success, "\(earlier)")
      let before = workspace.contents
      let run = try workspace.train(ranks: ranks, Small.chunks + ["--checkpoint", "c.jld2", "--dry-run"])
      #expect(run.status == ExitStatus.success && run.errors == "", "\(run)")
      for text in [
        "model      ", "corpus     prose.txt: 3,700 characters", "schedule   18 steps", "memory     ",
        "time       about ",
        "checkpoint c.jld2", "c.jld2 of an earlier run would become c.old-1.jld2",
        "metrics.jsonl of an earlier run would become metrics.old-1.jsonl",
        "dry run    nothing was trained or written",
      ] {
        #expect(run.output.contains(text), "\(text): \(run)")
      }
      #expect(!run.output.contains("Weights hash"))
      let resuming = try workspace.train(
        ranks: ranks, Small.chunks + ["--checkpoint", "c.jld2", "--resume", "--dry-run"])
      #expect(resuming.output.contains("resume     after step 2, from c.jld2"), "\(resuming)")
      #expect(!resuming.output.contains("would become"), "\(resuming)")
      #expect(workspace.contents == before)
    }

    @Test(.needsMpirun) func aDryRunOfALaunch() throws {
      let before = workspace.contents
      let run = try workspace.train(Small.documents + ["--np", "2", "--dry-run"])
      #expect(run.status == ExitStatus.success && run.output.contains("2 ranks on 1 host"), "\(run)")
      #expect(workspace.contents == before)
    }

    /// What would be fetched or decompressed is said, and not done.
    @Test func aDryRunFetchesNothing() throws {
      let before = workspace.contents
      let url = "http://127.0.0.1:1/corpus.txt"
      let download = try workspace.train(["--dry-run", "--data-url", url])
      #expect(download.status == ExitStatus.success, "\(download)")
      #expect(
        download.output.contains("data/tinyshakespeare.txt (1.1 MB) would be downloaded from \(url)"),
        "\(download)")
      let synthetic = try workspace.train(["--dry-run", "--no-download"])
      #expect(
        synthetic.status == ExitStatus.success && synthetic.output.contains("would be generated"),
        "\(synthetic)")
      #expect(workspace.contents == before)
      // gzip of "hello\n": too short to train on, which nobody knows before it is decompressed.
      let packed: [UInt8] = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xe7, 2, 0, 0x20, 0x30, 0x3a, 0x36,
        6, 0, 0, 0,
      ]
      try workspace.write(packed, to: "packed.gz")
      let cache = ["XDG_CACHE_HOME": workspace.path + "/cache"]
      let unpacking = try workspace.train(["--dry-run", "--data", "packed.gz"], environment: cache)
      #expect(
        unpacking.status == ExitStatus.success
          && unpacking.output.contains("packed.gz would be decompressed"),
        "\(unpacking)")
      #expect(!workspace.names.contains("cache"))
    }

    /// What the run would refuse, the dry run does, in the same words.
    @Test(arguments: [
      ["--data", "missing.txt"], ["--data", "prose.txt", "--block-size", "4000"],
      ["--data", "prose.txt", "--checkpoint", "list.txt"], ["--data", "prose.txt", "--metrics", "list.txt"],
      ["--data", "prose.txt", "--checkpoint", "gone.jld2", "--resume"],
      ["--data", "prose.txt", "--checkpoint", "list.txt/x.jld2"],
    ])
    func aDryRunRefusesAlike(arguments: [String]) throws {
      let before = workspace.contents
      let dry = try workspace.train(arguments + ["--dry-run"])
      let real = try workspace.train(arguments)
      #expect(dry.status == ExitStatus.usage && real.status == ExitStatus.usage, "\(dry)\n\(real)")
      #expect(dry.errorLines.count == 1 && dry.output == "", "\(dry)")
      let isSame = dry.errors == real.errors
      #expect(isSame || arguments.contains("list.txt/x.jld2"), "\(dry)\n\(real)")
      #expect(workspace.contents == before)
    }

    /// A job that writes there keeps it.
    @Test func aDryRunSeesTheLockOfAnother() throws {
      let text = "data = prose.txt\nnum-steps = 1e6\ncheckpoint = busy.jld2\n"
      try workspace.write(Array(text.utf8), to: "busy.conf")
      let arguments = ["--config", "busy.conf"] + Small.sizes + Small.quiet
      let job = try Job("gpt-ddp", arguments, folder: workspace.path)
      #expect(job.wait { FileManager.default.fileExists(atPath: workspace.path + "/busy.jld2.lock") })
      let dry = try workspace.train(arguments + ["--dry-run"])
      #expect(
        dry.status == ExitStatus.usage && dry.errors.contains("is being written by process \(job.pid)"),
        "\(dry)")
      #expect(workspace.names.contains("busy.jld2.lock"))
      kill(job.pid, SIGTERM)
      #expect([ExitStatus.resumable, ExitStatus.interrupted].contains(job.end()), "\(job.text)")
    }

    // MARK: --version

    @Test func theVersionHasTheFactsOfTheBuild() throws {
      for (program, own) in [("gpt-ddp", ["mpi"]), ("gpt-sample", [])] {
        let run = try workspace.run(program, ["-V"])
        #expect(
          run.status == ExitStatus.success && run.lines[0] == "\(program) \(ProgramVersion.current)", "\(run)"
        )
        let facts = Set(run.lines.dropFirst().compactMap { $0.split(separator: " ").first.map(String.init) })
        #expect(
          facts == Set(["commit", "swift", "cpu", "kernels", "openblas", "hdf5", "checkpoint"] + own),
          "\(run)")
        #expect(!run.output.contains("unknown\n"), "\(run)")
      }
    }

    // MARK: --patience

    /// Steps so large that nothing gets better for long.
    private static let restless =
      [
        "--data", "prose.txt", "--val-frac", "0.2", "--val-interval", "3", "--num-steps", "200",
        "--batch-size", "8",
      ]
      + ["--learning-rate", "0.5", "--patience", "2"] + Small.sizes + Small.quiet

    /// At any number of ranks, and interrupted at, before and after a validation, a training stops at the same step.
    @Test(.needsMpirun) func patienceEndsATrainingAtOneStep() throws {
      let whole = try workspace.train(Self.restless + ["--checkpoint", "whole.jld2"])
      let expected = try hash(whole)
      let stop = try #require(whole.lines.first { $0.hasPrefix("Stopped early after step ") }, "\(whole)")
      let step = try #require(Int(stop.split(separator: " ")[4]))
      try #require(step > 6 && step < 200, "\(whole)")
      #expect(whole.output.contains("--resume --patience 4"))
      for ranks in [2, 3] {
        let run = try workspace.train(ranks: ranks, Self.restless + ["--no-save"])
        #expect(try hash(run) == expected && run.lines.contains(stop), "\(run)")
      }
      for (index, first) in [step - 4, step - 3, step - 1].enumerated() {
        let place = ["--checkpoint", "part-\(index).jld2"]
        _ = try hash(workspace.train(Self.restless + place + ["--max-steps", "\(first)"]))
        let rest = try workspace.train(ranks: 2, place + ["--resume"] + Small.quiet)
        #expect(try hash(rest) == expected && rest.lines.contains(stop), "\(first): \(rest)")
      }
      // A resume stays where it is, and says how to go on; more patience does.
      let again = try workspace.train(["--checkpoint", "whole.jld2", "--resume"] + Small.quiet)
      #expect(try hash(again) == expected && again.lines.contains(stop), "\(again)")
      let dry = try workspace.train(["--checkpoint", "whole.jld2", "--resume", "--dry-run"])
      #expect(dry.status == ExitStatus.success && dry.output.contains(stop), "\(dry)")
      let more = try workspace.train(
        ["--checkpoint", "whole.jld2", "--resume", "--patience", "40"] + Small.quiet)
      #expect(try hash(more) != expected, "\(more)")
      // Its weights are those of a run that nothing ends early.
      let line = try #require(whole.entries.first { $0.hasPrefix("Repeat with ") })
      #expect(line.hasSuffix("--max-steps \(step)") && !line.contains("patience"), "\(line)")
      try workspace.write(Array(line.utf8), to: "repeat.conf")
      #expect(try hash(workspace.train(["--config", "repeat.conf", "--no-save"] + Small.quiet)) == expected)
    }
  }
}
