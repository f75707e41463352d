// The log where nobody draws: in a pipe or a file.

import Foundation
import Platform
import ProcessSupport
import Testing

extension Programs {
  @Suite struct Log {
    private static let plain = ["--num-samples", "0", "--sample-interval", "0"]
    private let workspace: Workspace

    init() throws { workspace = try Workspace.withCorpora() }

    @Test(.needsMpirun, arguments: [[], ["--np", "2", "--threads", "1"]])
    func linesFitAndObeyNobody(_ ranks: [String]) throws {
      let long = "\(workspace.path)/a-text-with-a-rather-long-name.txt"
      try workspace.write(Workspace.prose(3_700), to: "a-text-with-a-rather-long-name.txt")
      let run = try workspace.train(
        Small.sizes + Self.plain + ranks + [
          "--data", long, "--checkpoint", "c.jld2", "--metrics", "m.jsonl", "--batch-size", "4",
          "--grad-clip", "1", "--val-interval", "3", "--val-batches", "2", "--checkpoint-interval", "5",
          "--log-interval", "1", "--num-steps", "20", "--seed", "7", "--hash-interval", "5",
        ])
      #expect(run.status == ExitStatus.success && !run.output.contains("\u{1B}"), "\(run)")
      #expect(!run.output.contains("\r") && !run.output.contains("\u{1E}"), "\(run)")
      // A path is not broken.
      let words = run.lines.filter { $0.count > 79 }.flatMap { $0.split(separator: " ") }
      #expect(run.lines.allSatisfy { $0.count <= 79 || $0.contains(long) }, "\(words)")
      #expect(run.lines.filter { $0.contains("| lr ") }.count == 20)
    }

    /// 1,000 steps take less than a second.
    @Test func namesIsNoFlood() throws {
      let run = try workspace.train(
        ["--preset", "names", "--data", "list.txt", "--no-save"] + Self.plain)
      #expect(run.status == ExitStatus.success, "\(run)")
      let steps = run.lines.filter { $0.contains("| lr ") }
      #expect(steps.count < 20, "\(run)")
      #expect(
        steps.first?.contains("step     1 / 1000") == true && steps.last?.contains("1000 / 1000") == true)
    }

    @Test func quietIsQuiet() throws {
      let options = [
        "--preset", "names", "--data", "list.txt", "--num-steps", "20", "--checkpoint", "q.jld2",
      ]
      let run = try workspace.train(options + ["--quiet"])
      #expect(run.status == ExitStatus.success && run.errors.isEmpty, "\(run)")
      let beginnings = run.lines.filter { !$0.isEmpty }.map { $0.prefix { $0 != " " } }
      #expect(
        Set(beginnings).isSubset(of: ["Training", "Final", "Validation", "Weights", "Checkpoint", "Best"]),
        "\(run)")
      #expect(run.output.contains("Weights hash ") && run.output.contains("Checkpoint q.jld2"), "\(run)")
      // What a user should know is said.
      let again = try workspace.train(options + ["--quiet"])
      #expect(again.story.contains("note       the earlier run's q.jld2 is now q.old-1.jld2"), "\(again)")
      for more in [["--log", "live"], ["--log-interval", "3"]] {
        let refused = try workspace.train(options + ["--quiet"] + more)
        #expect(refused.status == ExitStatus.usage && refused.errorLines.count == 1, "\(refused)")
      }
    }

    @Test func aLiveLineNeedsATerminal() throws {
      let run = try workspace.train(Small.chunks + ["--no-save", "--log", "live"])
      #expect(run.status == ExitStatus.usage && run.errors.contains("standard output is none"), "\(run)")
      #expect(run.output.isEmpty, "\(run)")
    }

    /// What is saved where and when; what was reached; what next. Each command runs as it stands.
    @Test func theBeginningAndTheEndSayWhatOneNeeds() throws {
      let run = try workspace.train(
        Small.chunks + ["--checkpoint", "c.jld2", "--checkpoint-interval", "4"])
      let saves = try #require(run.entries.first { $0.hasPrefix("saves ") }, "\(run)")
      #expect(
        saves.contains("c.jld2 every 4 steps and at the end") && saves.contains("metrics.jsonl"), "\(saves)")
      for beginning in [
        "Validation loss ", "Checkpoint c.jld2", "Best state c.best.jld2", "Sample with gpt-sample ",
        "Train longer with gpt-ddp ", "Repeat with gpt-ddp ",
      ] {
        #expect(run.entries.contains { $0.hasPrefix(beginning) }, "\(beginning): \(run)")
      }
      let commands = run.entries.compactMap { entry in
        ["Sample with ", "Train longer with "].first { entry.hasPrefix($0) }.map { entry.dropFirst($0.count) }
      }
      for command in commands {
        let words = command.split(separator: " ").map(String.init)
        let next = try workspace.run(words[0], Array(words.dropFirst()))
        #expect(next.status == ExitStatus.success, "\(command): \(next)")
      }
      let stopped = try workspace.train(Small.chunks + ["--max-steps", "3", "--checkpoint", "d.jld2"])
      let resume = try #require(stopped.entries.first { $0.hasPrefix("Resume with gpt-ddp ") }, "\(stopped)")
      #expect(resume.contains("--checkpoint d.jld2") && resume.contains("--resume"), "\(resume)")
    }

    @Test(.needsMpirun) func onOneHostNoNetworkTakesTime() throws {
      let run = try workspace.train(ranks: 2, Small.chunks + ["--no-save", "--max-steps", "2"])
      let time = try #require(run.entries.first { $0.hasPrefix("time ") }, "\(run)")
      #expect(time.contains("a step") && !time.contains("network"), "\(time)")
    }
  }
}
