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

    @Test func theOnlyCheckpointIsTakenAndOfSeveralNone() throws {
      let folder = try Workspace()
      let model = try workspace.data(text)
      try FileManager.default.createDirectory(
        atPath: folder.path + "/checkpoints", withIntermediateDirectories: true)
      for name in ["names.jld2", "names.best.jld2", "names.step-000010.jld2"] {
        try folder.write([UInt8](model), to: "checkpoints/\(name)")
      }
      let short = ["--raw", "--max-chars", "5", "--num-samples", "1"]
      let run = try folder.sample(short)
      #expect(run.status == ExitStatus.success, "\(run)")
      #expect(

        run.errors
          == "note: there is no checkpoints/shakespeare.jld2; sampling from checkpoints/names.jld2\n",
        "\(run)")
      try folder.write([UInt8](model), to: "checkpoints/towns.jld2")
      let both = try folder.sample(short)
      #expect(both.status == ExitStatus.usage && both.output == "", "\(both)")
      #expect(
        both.errors.contains("checkpoints/names.jld2") && both.errors.contains("checkpoints/towns.jld2"))
      #expect(!both.errors.contains("names.best"))
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
