// Interrupted, moved to another number of ranks, begun from weights: what must come out the same, and what must not.

import Foundation
import Checkpointing
import Platform
import ProcessSupport
import Testing
import TrainingState

extension Programs {
  @Suite struct Resuming {
    private let workspace: Workspace
    init() throws { workspace = try Workspace.withCorpora() }

    /// Runs that must succeed.
    @discardableResult
    private func train(ranks: Int? = nil, _ arguments: [String]) throws -> ProgramRun {
      let run = try workspace.train(ranks: ranks, arguments)
      try #require(run.status == ExitStatus.success, "\(run)")
      return run
    }

    @Test(
      .needsMpirun,
      arguments: [Small.chunks, Small.documents])
    func atAnotherWorldSizeTheBitsAreThoseOfAnUninterruptedRun(options: [String]) throws {
      try train(options + ["--checkpoint", "whole.jld2"])
      let whole = try workspace.metrics()
      // In the middle of an epoch, at the end of one, right before the last step.
      try train(ranks: 2, options + ["--checkpoint", "part.jld2", "--max-steps", "4"])
      #expect(try workspace.metrics() == Array(whole.prefix(4)))
      try train(ranks: 3, options + ["--checkpoint", "part.jld2", "--resume", "--max-steps", "9"])
      try train(
        ["--checkpoint", "part.jld2", "--resume", "--max-steps", "17"] + Small.quiet + metrics(options))
      try train(ranks: 4, ["--checkpoint", "part.jld2", "--resume"] + Small.quiet + metrics(options))
      #expect(try workspace.metrics() == whole)
      let diff = try workspace.sample(["--diff", "whole.jld2", "part.jld2"])
      #expect(diff.status == ExitStatus.success, "\(diff)")
    }

    private func metrics(_ options: [String]) -> [String] {
      ["--data", options[options.firstIndex(of: "--data")! + 1]]
        + ["--metrics", "metrics.jsonl", "--hash-interval", "1"]
    }

    @Test func linesBeyondTheCheckpointAreTrainedAgainAndStandOnce() throws {
      try train(Small.chunks + ["--no-save"])
      let whole = try workspace.metrics()
      // As after a crash at step 8 of a job that saved at 6: the file is ahead, its last line cut off.
      try train(Small.chunks + ["--checkpoint", "c.jld2", "--max-steps", "6"])
      let handle = try FileHandle(forUpdating: URL(fileURLWithPath: workspace.path + "/metrics.jsonl"))
      try handle.seekToEnd()
      handle.write(Data((whole[6..<8].joined(separator: "\n") + "\n" + whole[8].prefix(20)).utf8))
      try handle.close()
      try train(Small.chunks + ["--checkpoint", "c.jld2", "--resume"])
      #expect(try workspace.metrics() == whole)
    }

    @Test func maxStepsLeavesTheScheduleAlone() throws {
      try train(Small.chunks + ["--no-save"])
      let whole = try workspace.metrics()
      try train(Small.chunks + ["--no-save", "--max-steps", "5"])
      #expect(try workspace.metrics() == Array(whole.prefix(5)))
    }

    @Test func aFinishedTrainingHasNothingToDo() throws {
      try train(Small.chunks + ["--checkpoint", "c.jld2"])
      let (file, lines) = (try workspace.data("c.jld2"), try workspace.metrics())
      let run = try train(Small.chunks + ["--checkpoint", "c.jld2", "--resume"])
      #expect(run.output.contains("Nothing to do: step 18 was already reached"), "\(run)")
      #expect(try workspace.data("c.jld2") == file && workspace.metrics() == lines)
    }

    /// The batch system's line, which is the same every time: begins, goes on, has nothing to do.
    @Test(.needsMpirun) func autoResumeIsOneLineForEveryStart() throws {
      try train(Small.chunks + ["--checkpoint", "whole.jld2"])
      let whole = try workspace.metrics()
      let line = Small.chunks + ["--checkpoint", "c.jld2", "--auto-resume"]
      #expect(try train(line + ["--max-steps", "5"]).output.contains("resume  ") == false)
      try FileManager.default.removeItem(atPath: workspace.path + "/c.jld2")
      let second = try train(["--np", "2", "--supervise"] + line + ["--max-steps", "7"])
      #expect(second.output.contains("resume     after step 5"), "\(second)")
      try train(line)
      #expect(try workspace.metrics() == whole)
      let last = try train(line)
      #expect(last.output.contains("Nothing to do"), "\(last)")
      let diff = try workspace.sample(["--diff", "whole.jld2", "c.jld2"])
      #expect(diff.status == ExitStatus.success, "\(diff)")
    }

    @Test func theTextIsWhereTheCheckpointSays() throws {
      try train(Small.chunks + ["--checkpoint", "c.jld2", "--max-steps", "5"])
      let folder = try Workspace()
      func resume(_ more: String...) throws -> ProgramRun {
        try folder.train(["--resume", "--checkpoint", workspace.path + "/c.jld2"] + Small.quiet + more)
      }
      // From another folder, without a network or a corpus of its own.
      let run = try resume("--max-steps", "8")
      #expect(run.status == ExitStatus.success && run.output.contains("after step 8"), "\(run)")
      let repeated = try #require(run.entries.first { $0.hasPrefix("Repeat with") })
      #expect(repeated.contains("--data ") && repeated.contains("/prose.txt"), "\(repeated)")
      #expect(!FileManager.default.fileExists(atPath: folder.path + "/data"))
      // Another text under that name is not taken, and nothing takes its place.
      try workspace.write(Workspace.prose(3_600), to: "prose.txt")
      let changed = try resume()
      #expect(
        changed.status == ExitStatus.usage && changed.errors.contains("give it with --data"), "\(changed)")
      #expect(changed.errors.contains("/prose.txt") && folder.contents.isEmpty, "\(changed)")
      // A copy elsewhere is, if the user says so.
      try folder.write(Workspace.prose(3_700), to: "copy.txt")
      let copied = try resume("--data", "copy.txt")
      #expect(copied.status == ExitStatus.success && copied.output.contains("after step 18"), "\(copied)")
    }

    /// However it is interrupted: by the end of the first round, in the second, at any number of ranks.
    @Test(.needsMpirun, arguments: [Small.chunks, Small.documents])
    func moreAfterTheEndIsTheSameBitsEverywhere(options: [String]) throws {
      let isChunks = options == Small.chunks
      let added = isChunks ? ["--more-epochs", "1"] : ["--more-steps", "9"]
      for name in ["whole.jld2", "part.jld2"] {
        try train(options + ["--checkpoint", name, "--metrics", name + ".m"])
      }
      let first = try workspace.metrics("whole.jld2.m")
      try train(
        Small.quiet + ["--checkpoint", "whole.jld2", "--resume", "--metrics", "whole.jld2.m"] + added)
      let part = options + ["--checkpoint", "part.jld2", "--resume", "--metrics", "part.jld2.m"]
      let end = isChunks ? 18 : 40
      try train(ranks: 3, part + added + ["--max-steps", "\(end + 4)"])
      let early = try workspace.train(part + added)
      #expect(early.status == ExitStatus.usage && early.errors.contains("--resume alone"), "\(early)")
      let run = try train(ranks: 2, part)
      #expect(
        run.output.contains("&& gpt-ddp") && run.output.contains(added.joined(separator: " ")), "\(run)")
      let diff = try workspace.sample(["--diff", "whole.jld2", "part.jld2"])
      #expect(diff.status == ExitStatus.success, "\(diff)")
      #expect(try workspace.metrics("whole.jld2.m").count > first.count)
      let inspected = try workspace.sample(["--inspect", "whole.jld2", "--json"])
      #expect(inspected.output.contains(#""features": ["schedule/restarts""#), "\(inspected)")
    }

    @Test func theBestStateIsNamedAtTheEnd() throws {
      let run = try train(Small.chunks + ["--checkpoint", "c.jld2", "--checkpoint-interval", "5"])
      #expect(run.entries.contains { $0.hasPrefix("Best state c.best.jld2, validation loss ") }, "\(run)")
      let none = try train(Small.chunks + ["--no-save"])
      #expect(!none.output.contains("Best state"))
    }

    @Test func initialWeightsThatAreTooLargeAreNotedOnce() throws {
      let wide = ["--data", "prose.txt", "--n-embd", "512", "--n-layer", "1", "--block-size", "16"]
      let arguments = wide + ["--batch-size", "2", "--max-steps", "2", "--no-save"] + Small.quiet
      let large = arguments + ["--init-scheme", "reference"]
      let notes = try train(large).entries.filter { $0.contains("--init-scheme") && $0.contains("note ") }
      #expect(notes.count == 1 && notes[0].contains("--init-scheme scaled begins near it"), "\(notes)")
      // Which is the default at this width.
      let mended = try train(arguments + ["--metrics", "m.jsonl", "--replace"])
      #expect(!mended.output.contains("the first loss"), "\(mended)")
      let loss = try #require(try workspace.metrics("m.jsonl")[0].firstMatch(of: #/"loss":([0-9.e-]+)/#)?.1)
      let guessing = log(
        Double(Set(String(decoding: Workspace.prose(3_700), as: UTF8.self).unicodeScalars).count + 1))
      #expect(try #require(Double(loss)) < 1.15 * guessing)
    }

    @Test func initFromTakesTheWeightsAndNothingElse() throws {
      try train(Small.chunks + ["--checkpoint", "first.jld2"])
      let first = try workspace.metrics()
      let run = try train(
        Small.chunks + ["--init-from", "first.jld2", "--checkpoint", "second.jld2", "--max-steps", "1"])
      let second = try workspace.metrics()
      #expect(second.count == 1 && second[0].hasPrefix("{\"step\":1,"), "\(run)")
      func loss(_ line: String) throws -> Double {
        Double(try #require(line.firstMatch(of: #/"loss":([0-9.e-]+)/#)?.1)) ?? .nan
      }
      #expect(try loss(second[0]) < loss(first[0]) * 0.9)
      // No size is given twice: the checkpoint's hold.
      try train(
        [
          "--data", "prose.txt", "--init-from", "first.jld2", "--batch-size", "4", "--max-steps", "1",
          "--no-save",
        ] + Small.quiet)
    }

    /// Held out are 11 chunks of 32; a validation takes 2 batches of 4 of them, every 5 steps and at the end.
    @Test(.needsMpirun) func validationsOfASampleAreTheSameOnAnyRanksAndAfterAResume() throws {
      func line(_ more: String...) -> [String] {
        ["--data", "prose.txt", "--batch-size", "4", "--micro-batch-size", "2", "--num-steps", "13"]
          + Small.sizes + Small.quiet + ["--hash-interval", "1", "--metrics", "metrics.jsonl"] + more
      }
      let chosen = ["--val-interval", "5", "--val-batches", "2"]
      let run = try train(line("--checkpoint", "whole.jld2", "--checkpoint-interval", "4") + chosen)
      let said = try #require(run.entries.first { $0.hasPrefix("validation ") })
      #expect(said.contains("every 5 steps") && said.contains("8 of them, evenly spread"), "\(said)")
      let repeated = try #require(run.entries.first { $0.hasPrefix("Repeat with") })
      #expect(repeated.contains("--val-interval 5") && repeated.contains("--val-batches 2"), "\(repeated)")
      let whole = try workspace.metrics()
      let validated = whole.filter { $0.contains("val_loss") }
      #expect(validated.compactMap { $0.firstMatch(of: #/"step":(\d+)/#)?.1 } == ["5", "10", "13"])
      for ranks in [2, 3] {
        try train(ranks: ranks, line("--no-save", "--threads", "1") + chosen)
        #expect(try workspace.metrics() == whole)
      }
      // Stopped on a validated step, resumed without the options: the checkpoint's hold.
      try train(
        ranks: 2,
        line("--checkpoint", "part.jld2", "--checkpoint-interval", "4", "--max-steps", "10") + chosen)
      try train(ranks: 3, line("--checkpoint", "part.jld2", "--checkpoint-interval", "4", "--resume"))
      #expect(try workspace.metrics() == whole)
      for name in ["whole.jld2", "whole.best.jld2"] {
        let diff = try workspace.sample(["--diff", name, name.replacing("whole", with: "part")])
        #expect(diff.status == ExitStatus.success, "\(diff)")
      }
      // Other losses would not compare; how often they are asked for may change.
      let other = try workspace.train(line("--checkpoint", "part.jld2", "--resume", "--val-batches", "1"))
      #expect(
        other.status == ExitStatus.usage && other.errors.contains("--val-batches 1 contradicts"), "\(other)")
      try train(line("--checkpoint", "part.jld2", "--resume", "--val-interval", "1", "--more-steps", "3"))
      let steps = try workspace.metrics().filter { $0.contains("val_loss") }
      #expect(steps.count == validated.count + 3)
    }

    @Test func inFileOrderTheSeedOnlyDrawsTheWeights() throws {
      func firstLosses(_ arguments: [String]) throws -> [String] {
        try train(Small.chunks + ["--no-save", "--max-steps", "3", "--init-from", "w.jld2"] + arguments)
        return try workspace.metrics()
      }
      try train(Small.chunks + ["--checkpoint", "w.jld2", "--max-steps", "1"])
      let ordered = try firstLosses(["--no-shuffle", "--seed", "1"])
      #expect(try firstLosses(["--no-shuffle", "--seed", "2"]) == ordered)
      let shuffled = try firstLosses(["--seed", "1"])
      #expect(shuffled != ordered)
      #expect(try firstLosses(["--seed", "2"]) != shuffled)
    }

    /// For versions before, the mark at the beginning of a text was a character of it: every character is one off.
    @Test func aTextWhoseMarkWasACharacterIsNotGoneOnWith() throws {
      let mark = Array("\u{FEFF}".utf8)
      try workspace.write(mark + Workspace.prose(3_700), to: "marked.txt")
      try workspace.write(Workspace.prose(3_699) + mark, to: "inside.txt")
      func options(_ data: String) -> [String] {
        ["--data", data, "--checkpoint", "\(data).jld2", "--max-steps", "2"] + Small.sizes + Small.quiet
      }
      for data in ["marked.txt", "inside.txt"] { try train(options(data)) }
      let reader = ContainedReader(executable: Job.path(of: "gpt-sample"))
      let marked = try CheckpointFile.read("\(workspace.path)/marked.txt.jld2", using: reader)
      var old = try CheckpointFile.read("\(workspace.path)/inside.txt.jld2", using: reader)
      old.training?.corpus = try #require(marked.training).corpus
      try CheckpointFile.write(old, to: "\(workspace.path)/old.jld2")
      let before = workspace.contents
      let refused = try workspace.train(["--data", "marked.txt", "--checkpoint", "old.jld2", "--resume"])
      #expect(refused.status == ExitStatus.usage && refused.output == "", "\(refused)")
      #expect(refused.errors.contains("byte order mark of marked.txt was a character"), "\(refused)")
      #expect(refused.errors.split(separator: "\n").count == 1, "\(refused)")
      #expect(workspace.contents == before)
      // Its weights are as good as ever.
      try train(options("marked.txt") + ["--checkpoint", "new.jld2", "--init-from", "old.jld2"])
    }

    @Test func noSaveLeavesNoFile() throws {
      let before = Set(workspace.contents.keys)
      try train(Small.chunks + ["--no-save"])
      #expect(Set(workspace.contents.keys) == before.union(["metrics.jsonl"]))
    }

    @Test func theMetricsSayWhatTheyPromise() throws {
      let everyStep = try #require(Small.chunks.firstIndex(of: "--hash-interval"))
      var options = Small.chunks
      options[everyStep + 1] = "5"
      try train(options + ["--no-save", "--profile"])
      let objects = try workspace.text("metrics.jsonl").split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      let steps = objects.filter { $0["loss"] != nil }
      #expect(steps.map { $0["step"] as? Int } == Array(1...18))
      #expect(objects.filter { $0["val_loss"] != nil }.map { $0["step"] as? Int } == [9, 18])
      #expect(steps.map { $0["epoch"] as? Int } == (1...18).map { $0 <= 9 ? 1 : 2 })
      #expect(steps.allSatisfy { $0["tokens"] as? Int == 11 * 32 })
      let hashed = steps.filter { $0["weights_hash"] != nil }.map { $0["step"] as? Int }
      #expect(hashed == [5, 10, 15, 18])
      let seconds = steps.compactMap { $0["seconds"] as? Double }
      #expect(seconds.count == 18 && zip(seconds, seconds.dropFirst()).allSatisfy { $0 < $1 })
      let phases = ["attention", "data", "linear", "optimizer", "other", "reduction", "waiting"]
      for step in steps {
        let profile = try #require(step["profile"] as? [String: Double])
        #expect(profile.keys.sorted() == phases && profile.values.allSatisfy { $0 >= 0 })
      }
    }
  }
}
