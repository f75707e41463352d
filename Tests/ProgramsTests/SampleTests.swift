// gpt-sample and the samples of gpt-ddp, as a user sees them.

import Foundation
import Platform
import ProcessSupport
import Testing

extension Programs {
  @Suite struct Sampling {
    private let workspace: Workspace
    private let text = "text.jld2"
    private let names = "names.jld2"

    init() throws {
      workspace = try Workspace.withCorpora()
      for (options, file) in [(Small.chunks, text), (Small.documents, names)] {
        let run = try workspace.train(options + ["--checkpoint", file])
        try #require(run.status == ExitStatus.success, "\(run)")
      }
    }

    private func raw(_ checkpoint: String, _ arguments: [String]) throws -> [UInt8] {
      let run = try workspace.sample(["--checkpoint", checkpoint, "--raw"] + arguments)
      #expect(run.status == ExitStatus.success && run.errors == "", "\(run)")
      return Array(run.output.utf8)
    }

    @Test func sameSeedSameTextHoweverManySamples() throws {
      let one = try raw(text, ["--num-samples", "1", "--max-chars", "200"])
      #expect(try raw(text, ["--num-samples", "1", "--max-chars", "200"]) == one)
      let twenty = try raw(text, ["--num-samples", "20", "--max-chars", "200"])
      #expect(Array(twenty.prefix(one.count)) == one)
      #expect(try raw(text, ["--num-samples", "1", "--max-chars", "200", "--seed", "43"]) != one)
    }

    /// Of the run that was saved last, the best state; what a later run has set aside only where there is nothing else.
    @Test func withoutANameTheNewestRunsBestStateIsTaken() throws {
      let folder = try Workspace()
      let bytes = [UInt8](try workspace.data(text))
      let other = [UInt8](try workspace.data(names))
      try FileManager.default.createDirectory(
        atPath: folder.path + "/checkpoints", withIntermediateDirectories: true)
      func chosen(_ arguments: [String] = []) throws -> String {
        let run = try folder.sample(["--max-chars", "5", "--num-samples", "1"] + arguments)
        #expect(run.status == ExitStatus.success, "\(run)")
        let line = /note: the model is (\S+) \(step [\d,]+ of [\d,]+, loss \d.*\)\n/
        return try String(#require(run.errors.wholeMatch(of: line), "\(run)").1)
      }
      func add(_ name: String, _ content: [UInt8], age: Double) throws {
        try folder.write(content, to: "checkpoints/\(name)")
        try FileManager.default.setAttributes(
          [.modificationDate: Date(timeIntervalSince1970: 1_700_000_000 - age)],
          ofItemAtPath: folder.path + "/checkpoints/\(name)")
      }
      try add("a.old-1.jld2", bytes, age: 1)
      #expect(try chosen() == "checkpoints/a.old-1.jld2")
      try add("names.jld2", other, age: 100)
      #expect(try chosen() == "checkpoints/names.jld2")
      try add("text.jld2", bytes, age: 50)
      try add("text.step-000010.jld2", bytes, age: 60)
      #expect(try chosen() == "checkpoints/text.jld2")
      try add("text.best.jld2", bytes, age: 70)
      #expect(try chosen() == "checkpoints/text.best.jld2")
      #expect(try chosen(["--newest"]) == "checkpoints/text.jld2")
      // Another run's best state is none of this one's.
      try add("text.best.jld2", other, age: 10)
      #expect(try chosen() == "checkpoints/text.jld2")
      #expect(try chosen(["--folder", "checkpoints/"]) == "checkpoints/text.jld2")
      try FileManager.default.removeItem(atPath: folder.path + "/checkpoints/text.jld2")
      #expect(try chosen(["--newest"]) == "checkpoints/text.step-000010.jld2")
    }

    @Test func promptsComeFromArgumentsFilesAndPipes() throws {
      let short = ["--max-chars", "20", "--num-samples", "1", "--temperature", "0"]
      let expected = try raw(text, ["--prompt", "the rain"] + short)
      #expect(try raw(text, ["the rain"] + short) == expected)
      try workspace.write("\u{FEFF}the rain\r\n".utf8, to: "prompt.txt")
      #expect(try raw(text, ["--prompt-file", "prompt.txt"] + short) == expected)
      for name in [["-"], ["--prompt-file", "-"]] {
        let arguments = ["--checkpoint", text, "--raw"] + name + short
        let run = try Job(
          command: ["sh", "-c", "exec \"$0\" \"$@\" < prompt.txt", Job.path(of: "gpt-sample")] + arguments,
          folder: workspace.path
        ).outcome()
        #expect(run.status == ExitStatus.success && Array(run.output.utf8) == expected, "\(run)")
      }
      #expect(
        try raw(text, ["the\\nrain", "--escapes"] + short) == raw(text, ["--prompt", "the\nrain"] + short))
      // A prompt that looks like a name has one.
      #expect(try raw(text, ["--prompt", "the"] + short) == raw(text, ["the"] + short))
    }

    @Test func aTextEndsBeforeItsStop() throws {
      let whole = String(decoding: try raw(text, ["--num-samples", "1", "--prompt", "the"]), as: UTF8.self)
      let end = try #require(whole.dropFirst(3).firstIndex(of: "o"))
      let cut = try raw(text, ["--num-samples", "1", "--prompt", "the", "--stop", "o", "--stop", "quiet;;"])
      #expect(String(decoding: cut, as: UTF8.self) == whole[..<end] + "\n")
    }

    @Test func samplingRulesAreOffUnlessGiven() throws {
      let plain = try raw(text, ["--max-chars", "200"])
      let off = [
        "--top-k", "0", "--top-p", "1", "--min-p", "0", "--repeat-penalty", "1", "--context", "keep=0",
      ]
      #expect(try raw(text, ["--max-chars", "200"] + off) == plain)
      #expect(try raw(text, ["--max-chars", "200", "--top-k", "999999999"]) == plain)
      for rule in [["--top-k", "2"], ["--top-p", "0.5"], ["--min-p", "0.3"], ["--repeat-penalty", "3"]] {
        #expect(try raw(text, ["--max-chars", "200"] + rule) != plain, "\(rule)")
      }
      #expect(
        try raw(text, ["--max-chars", "200", "--context", "keep=9", "--prompt", "the rain "])
          != raw(text, ["--max-chars", "200", "--prompt", "the rain "]))
    }

    @Test func aRandomSeedIsSaidAndRepeats() throws {
      let arguments = ["--checkpoint", text, "--raw", "--max-chars", "100"]
      let run = try workspace.sample(arguments + ["--seed", "random"])
      let seed = try #require(run.errors.wholeMatch(of: /note: --seed (\d+)\n/), "\(run)").1
      #expect(try workspace.sample(arguments + ["--seed", String(seed)]).output == run.output)
      #expect(try workspace.sample(arguments + ["--seed", "random"]).errors != run.errors)
    }

    @Test(arguments: [1, 3]) func samplesAsRecordsAreThoseOfTheText(threads: Int) throws {
      let plain = try raw(names, ["--num-samples", "20", "--prompt", "ab"])
      let run = try workspace.sample(
        ["--checkpoint", names, "--json", "--num-samples", "20", "--prompt", "ab", "--threads", "\(threads)"])
      #expect(run.status == ExitStatus.success && run.errors == "", "\(run)")
      var texts: [String] = []
      for (index, line) in run.output.split(separator: "\n").enumerated() {
        let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let text = try #require(object["text"] as? String)
        let logs = try #require(object["log_probabilities"] as? [Double])
        #expect(object["sample"] as? Int == index + 1 && object["seed"] as? Int == 42)
        #expect((object["characters"] as? [String])?.joined() == text && logs.count == text.count)
        #expect(logs.allSatisfy { $0 < 0 && $0 > -20 })
        #expect(try abs(#require(object["log_probability"] as? Double) - logs.reduce(0, +)) < 1e-12)
        #expect(object["step"] as? Int == 40 && (object["weights_hash"] as? String)?.count == 16)
        #expect(["document", "length"].contains(object["end"] as? String))
        texts.append("ab" + text)
      }
      #expect(texts.joined(separator: "\n") + "\n" == String(decoding: plain, as: UTF8.self))
    }

    @Test func aScoreIsThatOfTheTrainingsValidation() throws {
      let run = try workspace.sample(["--inspect", "text.best.jld2", "--json"])
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
      let values = try #require(object["values"] as? [String: Any])
      let validated = try #require(values["progress/best_validation_loss"] as? Double)
      let fraction = try #require(values["data/validation_fraction"] as? Double)
      let prose = try workspace.text("prose.txt").unicodeScalars
      let start = Int(((1 - fraction) * Double(prose.count)).rounded(.down))
      // Whole chunks, which share a character with their neighbours.
      let count = (prose.count - start - 1) / 32 * 32
      var heldOut = String.UnicodeScalarView()
      heldOut.append(contentsOf: prose.dropFirst(start).prefix(count + 1))
      try workspace.write(String(heldOut).utf8, to: "held-out.txt")
      var scores: [Double] = []
      for threads in ["1", "2", "5"] {
        let run = try workspace.sample([
          "--checkpoint", "text.best.jld2", "--score", "held-out.txt", "--stride", "32", "--json",
          "--threads",
          threads,
        ])
        let score = try #require(
          try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(score["predicted"] as? Int == count && score["windows"] as? Int == count / 32)
        scores.append(try #require(score["nats_per_character"] as? Double))
      }
      #expect(Set(scores.map(\.bitPattern)).count == 1)
      #expect(abs(scores[0] - validated) < 1e-12 * validated, "\(scores[0]), validated \(validated)")
    }

    @Test func aScoreNamesWhatItDoesNotKnow() throws {
      try workspace.write("the rain\nfalls Ω on".utf8, to: "unknown.txt")
      let run = try workspace.sample(["--checkpoint", text, "--score", "unknown.txt"])
      #expect(run.status == ExitStatus.usage && run.output == "")
      #expect(run.errors.contains("'Ω' (U+03A9) in line 2, column 7"), "\(run)")
      try workspace.write("abc\r\n  def \r\n\r\n".utf8, to: "lines.txt")
      let documents = try workspace.sample(["--checkpoint", names, "--score", "lines.txt"])
      #expect(documents.output.contains("6 characters and 2 ends of documents"), "\(documents)")
    }

    @Test func aTrainingIsFollowedToItsEnd() throws {
      let options =
        Small.chunks + ["--checkpoint", "followed.jld2", "--checkpoint-interval", "40", "--num-epochs", "40"]
      let training = try Job("gpt-ddp", options, folder: workspace.path)
      try #require(training.wait { access(workspace.path + "/followed.jld2", F_OK) == 0 })
      let following = try Job(
        "gpt-sample", ["--checkpoint", "followed.jld2", "--follow", "--max-chars", "30"],
        folder: workspace.path)
      let run = following.outcome()
      #expect(training.end() == ExitStatus.success)
      #expect(run.status == ExitStatus.success, "\(run)")
      #expect(run.errors.hasSuffix("note: the training has ended with its last step, 360\n"), "\(run)")
      let steps = run.output.matches(of: /=== step ([\d,]+) of 360, loss/).compactMap { Int($0.1) }
      #expect(steps.last == 360 && steps == Array(Set(steps)).sorted(), "\(run)")
      let last = run.output.components(separatedBy: "===\n").last
      let alone = try workspace.sample(
        ["--checkpoint", "followed.jld2", "--raw", "--num-samples", "1", "--max-chars", "30"])
      #expect(last == alone.output)
      // Nobody trains any more.
      let late = try workspace.sample([
        "--checkpoint", "followed.jld2", "--follow", "--json", "--max-chars", "3",
      ])
      #expect(late.output.split(separator: "\n").count == 1 && late.status == ExitStatus.success, "\(late)")
    }

    @Test func temperatureZeroTakesTheLikeliestWhateverTheSeed() throws {
      let greedy = ["--temperature", "0", "--num-samples", "1", "--prompt", "the "]
      let expected = try raw(text, greedy)
      #expect(try raw(text, greedy + ["--seed", "7"]) == expected)
      #expect(String(decoding: expected, as: UTF8.self).hasPrefix("the "))
    }

    @Test func writesExactlySoManyCharactersBeyondTheContextToo() throws {
      for count in [0, 1, 31, 32, 33, 500] {
        let written = String(
          decoding: try raw(text, ["--num-samples", "1", "--max-chars", "\(count)", "--prompt", "rain"]),
          as: UTF8.self)
        #expect(written.unicodeScalars.count == 4 + count + 1 && written.hasPrefix("rain"))
      }
      let prompt = String(repeating: "the rain falls on ", count: 10)
      let longer = try raw(text, ["--num-samples", "1", "--max-chars", "9", "--prompt", prompt])
      #expect(String(decoding: longer, as: UTF8.self).unicodeScalars.count == prompt.count + 9 + 1)
    }

    @Test func namesEndAtTheEndOfADocumentOrAtTheContext() throws {
      let list = String(
        decoding: try raw(names, ["--num-samples", "60", "--temperature", "1"]), as: UTF8.self)
      let lengths = list.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(\.count)
      #expect(lengths.count == 60)
      #expect(lengths.allSatisfy { (0...9).contains($0) } && lengths.contains { (1...8).contains($0) })
      let begun = String(
        decoding: try raw(names, ["--num-samples", "5", "--prompt", "ab"]), as: UTF8.self)
      #expect(begun.split(separator: "\n").allSatisfy { $0.hasPrefix("ab") })
    }

    @Test func samplesOfTheTrainerHaveTheReferencesHeadings() throws {
      let run = try workspace.train(
        Small.sizes + [
          "--data", "prose.txt", "--max-steps", "4", "--sample-interval", "2", "--num-samples", "2",
          "--log-interval", "2", "--batch-size", "4", "--no-save",
        ])
      let headings = run.lines.filter { $0.hasPrefix("=== Sample") }
      #expect(
        headings == [
          "=== Sample 1 (32 chars) ===", "=== Sample 1 (32 chars) ===", "=== Sample 2 (32 chars) ===",
        ],
        "\(run)")
      let line =
        /epoch  1 \| step     2 \/ 390 \| lr \d\.\d\de-\d\d \| loss \d\.\d{4}( \| [\d,.]+k? tok\/s)? \| ETA .*/
      #expect(run.lines.contains { $0.wholeMatch(of: line) != nil }, "\(run)")
      #expect(run.lines.contains { $0.hasPrefix("Final loss ") && $0.contains("mean of the last 4: ") })
    }

    @Test func reportsAboutCheckpoints() throws {
      let inspection = try workspace.sample(["--inspect", text, "--json"])
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(inspection.output.utf8)) as? [String: Any])
      #expect(object["parameters"] as? Int == 26_944 && object["is_resumable"] as? Bool == true)
      #expect(try workspace.sample(["--verify", text]).status == ExitStatus.success)
      #expect(try workspace.sample(["--diff", text, text]).status == ExitStatus.success)
      let different = try workspace.sample(["--diff", text, names])
      #expect(different.status == ExitStatus.failure && different.output.contains("config/block_size"))
    }

    @Test func theGeneratorKnowsNothingOfMPI() throws {
      let binary = try Data(contentsOf: URL(fileURLWithPath: Job.path(of: "gpt-sample")))
      #expect(binary.range(of: Data("MPI_Init".utf8)) == nil && binary.range(of: Data("libmpi".utf8)) == nil)
      let trainer = try Data(contentsOf: URL(fileURLWithPath: Job.path(of: "gpt-ddp")))
      #expect(trainer.range(of: Data("MPI_Init".utf8)) != nil)
    }
  }

  @Suite struct FirstUse {
    @Test(arguments: ["gpt-ddp", "gpt-sample"]) func helpFitsAndExplains(program: String) throws {
      let workspace = try Workspace()
      let run = try program == "gpt-ddp" ? workspace.train(["--help"]) : workspace.sample(["--help"])
      #expect(run.status == ExitStatus.success && run.errors == "")
      #expect(run.lines.allSatisfy { $0.count <= 80 }, "\(run.lines.filter { $0.count > 80 })")
      #expect(run.output.contains("Usage: ") && run.output.contains("Exit status"))
      for hidden in ["--fault", "--measure"] { #expect(!run.output.contains(hidden)) }
    }

    @Test func withoutANetworkItSaysThatTheTextIsItsOwn() throws {
      for (preset, name) in [("shakespeare", "dialogue"), ("names", "names")] {
        let workspace = try Workspace()
        let run = try workspace.train(
          ["--preset", preset, "--no-download", "--max-steps", "1", "--checkpoint", "c.jld2"] + Small.sizes
            + Small.quiet)
        #expect(run.status == ExitStatus.success, "\(run)")
        #expect(run.story.contains("training on SYNTHETIC text that this program wrote"), "\(run)")
        let report = try workspace.sample(["--inspect", "c.jld2"])
        #expect(report.output.contains("synthetic (synthetic-\(name).txt)"), "\(report)")
      }
    }

    @Test func nothingInTheLogDependsOnTheTerminal() throws {
      let workspace = try Workspace.withCorpora()
      let options = Small.chunks + ["--no-save", "--max-steps", "2"]
      let plain = try workspace.train(options, environment: ["NO_COLOR": "1", "TERM": "dumb"])
      #expect(!plain.output.contains("\u{1b}") && !plain.output.contains("\r"), "\(plain)")
    }

    @Test func aFullDiskBehindTheLogStopsNoTraining() throws {
      let workspace = try Workspace.withCorpora()
      let run = try workspace.train(Small.chunks + ["--no-save"], outputPath: "/dev/full")
      #expect(run.status == ExitStatus.success, "\(run)")
      #expect(try workspace.metrics().count == 20)
    }

    /// Faults belong to the tests' own program.
    @Test func noVariableMakesTheProgramFail() throws {
      let workspace = try Workspace.withCorpora()
      let run = try workspace.train(
        Small.chunks + ["--no-save"], environment: ["MICROGPT_FAULT": "kill:rank=0,step=2"])
      #expect(run.status == ExitStatus.success, "\(run)")
      #expect(try workspace.metrics().count == 20)
    }

    /// Of an option that is given twice, the last value counts.
    @Test func theLastValueWins() throws {
      let workspace = try Workspace.withCorpora()
      func losses(_ seeds: [String]) throws -> [String] {
        let run = try workspace.train(Small.chunks + ["--no-save", "--max-steps", "2"] + seeds)
        try #require(run.status == ExitStatus.success, "\(run)")
        return try workspace.metrics()
      }
      let one = try losses(["--seed", "1"])
      #expect(try losses(["--seed", "2", "--seed", "1"]) == one)
      #expect(try losses(["--seed", "1", "--seed", "2"]) != one)
    }

    @Test(.needsMpirun) func theExchangeCanBeMeasuredAlone() throws {
      let sizes = ["--batch-size", "11", "--micro-batch-size", "2"] + Small.sizes
      let run = try Workspace().run("gpt-bench", ranks: 2, ["--exchange", "5"] + sizes)
      let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: [Double]]
      #expect(object?["seconds"]?.count == 5 && object?["seconds"]?.allSatisfy { $0 > 0 } == true, "\(run)")
    }
  }
}
