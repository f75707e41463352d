// What is the user's stays the user's: a second run over a first one, outputs that are inputs, and names under which
// no file can be.

import Foundation
import Platform
import ProcessSupport
import Testing

extension Programs {
  @Suite struct Keeping {
    private let workspace: Workspace
    private let options = Small.chunks + ["--checkpoint", "c.jld2"]
    init() throws { workspace = try Workspace.withCorpora() }

    private func train(_ arguments: [String]) throws -> ProgramRun {
      let run = try workspace.train(arguments)
      try #require(run.status == ExitStatus.success, "\(run)")
      return run
    }

    @Test func aSecondRunSetsTheFirstAside() throws {
      _ = try train(options)
      let first = workspace.contents.filter { $0.key.hasPrefix("c.") || $0.key == "metrics.jsonl" }
      #expect(
        first.keys.sorted() == [
          "c.best.jld2", "c.jld2", "c.step-000009.jld2", "c.step-000018.jld2", "metrics.jsonl",
        ])
      let second = try train(options + ["--seed", "7"])
      #expect(
        second.story.contains("the earlier run's c.jld2 is now") && second.output.contains("c.old-1.jld2"))
      #expect(second.story.contains("the earlier run's metrics.jsonl is now metrics.old-1.jsonl"))
      for (name, bytes) in first {
        let parts = name.split(separator: ".", maxSplits: 1)
        #expect(try workspace.data("\(parts[0]).old-1.\(parts[1])") == bytes, "\(name)")
      }
      // A third one finds the next number, and --replace none.
      #expect(try train(options).output.contains("c.old-2.jld2"))
      let names = workspace.contents.keys.sorted()
      #expect(!(try train(options + ["--replace"])).output.contains("old-"))
      #expect(workspace.contents.keys.sorted() == names)
    }

    /// One output that is refused leaves the other where it is.
    @Test func aRefusedOutputSetsNothingAside() throws {
      _ = try train(options)
      try workspace.write("mine".utf8, to: "notes.txt")
      let before = workspace.contents
      let refused = try workspace.train(options + ["--metrics", "notes.txt"])
      #expect(
        refused.status == ExitStatus.usage && refused.errors.contains("is not a metrics file"), "\(refused)")
      #expect(workspace.contents == before)
    }

    @Test func resumingSetsNothingAside() throws {
      _ = try train(options + ["--max-steps", "5"])
      _ = try train(options + ["--resume"])
      #expect(!workspace.contents.keys.contains { $0.contains("old-") })
    }

    @Test func theCheckpointThatARunBeginsWithStays() throws {
      _ = try train(options)
      let bytes = try workspace.data("c.jld2")
      _ = try train(options + ["--init-from", "c.jld2"])
      #expect(try workspace.data("c.old-1.jld2") == bytes)
      let refused = try workspace.train(options + ["--init-from", "c.jld2", "--replace"])
      #expect(
        refused.status == ExitStatus.usage && refused.errors.contains("--init-from c.jld2"), "\(refused)")
    }

    @Test(arguments: [
      ["--checkpoint", "notes.txt", "is not a checkpoint"],
      ["--metrics", "notes.txt", "is not a metrics file"],
      ["--metrics", "./prose.txt", "which this run reads"],
      ["--metrics", "hard.txt", "which this run reads"],
      ["--metrics", "soft.txt", "which this run reads"],
      ["--checkpoint", "x/../prose.txt", "which this run reads"],
      ["--metrics", "c.jld2", "give two files"], ["--metrics", "./c.jld2.lock", "give two files"],
      ["--checkpoint", ".", "is a folder"], ["--checkpoint", "x/", "is a folder"],
      ["--checkpoint", "fifo", "is a FIFO"], ["--metrics", "fifo", "No such device or address"],
      ["--checkpoint", String(repeating: "n", count: 250), "more than 200 bytes"],
    ])
    func isRefusedBeforeAnythingIsTouched(_ mistake: [String]) throws {
      try workspace.write("mine".utf8, to: "notes.txt")
      try FileManager.default.createDirectory(
        atPath: "\(workspace.path)/x", withIntermediateDirectories: false)
      try #require(link("\(workspace.path)/prose.txt", "\(workspace.path)/hard.txt") == 0)
      try #require(symlink("prose.txt", "\(workspace.path)/soft.txt") == 0)
      try #require(mkfifo("\(workspace.path)/fifo", 0o600) == 0)
      // Reading a FIFO would wait for a writer: names only.
      let before = try FileManager.default.subpathsOfDirectory(atPath: workspace.path).sorted()
      let run = try workspace.train(options + mistake.prefix(2))
      #expect(run.status == ExitStatus.usage && run.errorLines.count == 1, "\(run)")
      #expect(run.errors.contains(mistake[2]), "\(run)")
      #expect(try FileManager.default.subpathsOfDirectory(atPath: workspace.path).sorted() == before)
      #expect(try workspace.text("notes.txt") == "mine")
      #expect(try workspace.data("prose.txt") == Data(Workspace.prose(3_700)))
    }

    /// A private node: major 1, minor 3 is the null device.
    @Test func aDeviceTakesMetricsAndStaysOne() throws {
      let device = "\(workspace.path)/null"
      guard mknod(device, S_IFCHR | 0o666, 1 << 8 | 3) == 0 else { return }
      _ = try train(Small.chunks + ["--no-save", "--metrics", "null"])
      _ = try train(options + ["--metrics", "null"])
      _ = try train(options + ["--metrics", "null", "--resume"])
      let refused = try workspace.train(options + ["--checkpoint", "null"])
      #expect(refused.status == ExitStatus.usage && refused.errors.contains("is a device"), "\(refused)")
      var status = stat()
      #expect(lstat(device, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    }

    @Test func aDanglingLinkIsFollowed() throws {
      try #require(symlink("real.jld2", "\(workspace.path)/c.jld2") == 0)
      _ = try train(options)
      #expect(try workspace.data("real.jld2").count > 1_000)
      // And so it is when the first run is set aside.
      _ = try train(options + ["--seed", "2"])
      #expect(try workspace.data("c.old-1.jld2").count > 1_000)
      #expect(
        try FileManager.default.destinationOfSymbolicLink(atPath: "\(workspace.path)/c.jld2") == "real.jld2")
    }

    /// A reader that goes away costs its lines, not the training.
    @Test func aClosedPipeIsOneWarning() throws {
      let command = ([Job.path(of: "gpt-ddp")] + options + ["--log-interval", "1"]).map(shellQuoted)
      let script = "set -o pipefail; \(command.joined(separator: " ")) | head -n 1"
      let job = try Job(command: ["/bin/bash", "-c", script], folder: workspace.path)
      let outcome = job.outcome()
      #expect(outcome.status == ExitStatus.success, "\(outcome)")
      let warnings = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("warning: standard output") }
      #expect(warnings.count == 1, "\(outcome)")
      #expect(try workspace.metrics().count > 18)
      #expect(try workspace.data("c.jld2").count > 1_000)
    }

    @Test(arguments: [
      "gpt-ddp --help", "gpt-ddp --version", "gpt-sample --help", "gpt-sample --inspect c.jld2",
    ])
    func aReportThatIsLostIsAFailure(_ command: String) throws {
      _ = try train(options)
      let words = command.split(separator: " ").map(String.init)
      let outcome = try Job(
        words[0], Array(words.dropFirst()), folder: workspace.path, outputPath: "/dev/full"
      ).outcome()
      #expect(outcome.status == ExitStatus.failure && outcome.errorLines.count == 1, "\(outcome)")
    }

    @Test(arguments: ["gpt-ddp --help", "gpt-sample --help", "gpt-sample --inspect c.jld2"])
    func aReportThatExceedsAFileSizeLimitIsAFailure(_ command: String) throws {
      _ = try train(options)
      var words = command.split(separator: " ").map(String.init)
      words[0] = Job.path(of: words[0])
      let script = "ulimit -f 1; exec \"$@\" > report"
      let outcome = try Job(command: ["bash", "-c", script, "bash"] + words, folder: workspace.path).outcome()
      #expect(outcome.status == ExitStatus.failure && outcome.errorLines.count == 1, "\(outcome)")
    }
  }
}
