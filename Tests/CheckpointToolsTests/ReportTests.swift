// What --inspect, --verify and --diff say.

import CheckpointSupport
import Checkpointing
import Platform
import Foundation
import GPTModel
import Testing
import TrainingState

@testable import CheckpointTools

@Suite struct ReportTests {
  private func object(_ report: CheckpointReport) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(report.text.utf8)) as? [String: Any])
  }

  @Test func inspectTellsSizesProgressAndTensors() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    for name in ["format-1.jld2", "julia.jld2"] {
      let path = "\(Samples.fixtures)/\(name)"
      let text = try CheckpointReport.inspect(path, json: false, using: reader).text
      let json = try object(CheckpointReport.inspect(path, json: true, using: reader))
      let tensors = try #require(json["tensors"] as? [[String: Any]])
      let parameters = try #require(json["parameters"] as? Int)
      var elements = 0
      for tensor in tensors {
        elements += try #require(tensor["histogram"] as? [Int]).reduce(0, +)
        let name = try #require(tensor["path"] as? String).dropFirst("model_state/".count)
        #expect(text.contains(name))
      }
      #expect(elements == parameters && text.contains("parameters"))
      #expect(json["is_resumable"] as? Bool == (name == "format-1.jld2"))
    }
  }

  @Test func verifyEndsWithTwoOnDamage() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    let path = "\(Samples.fixtures)/format-1.jld2"
    #expect(CheckpointReport.verify(path, json: false, using: reader).status == ExitStatus.success)
    try Samples.withFolder { folder in
      let bad = "\(folder)/bad.jld2"
      try Samples.write(Samples.bytes(path).dropLast(), to: bad)
      let report = CheckpointReport.verify(bad, json: true, using: reader)
      #expect(report.status == ExitStatus.usage)
      #expect(try object(report)["ok"] as? Bool == false)
    }
  }

  @Test func diffNamesTheFirstTensorAndTheLargestDifference() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    try Samples.withFolder { folder in
      let (left, right) = ("\(folder)/left.jld2", "\(folder)/right.jld2")
      var snapshot = try Samples.snapshot()
      try CheckpointFile.write(snapshot, to: left)
      snapshot.training?.progress.wallSeconds += 1
      try CheckpointFile.write(snapshot, to: right)
      let same = try CheckpointReport.diff(left, right, json: false, using: reader)
      #expect(same.status == 0 && same.text.contains("bits equal"))

      let table = ParameterTable(snapshot.configuration)
      snapshot.weights.base[table.entries[2].offset + 3] += 0.5
      snapshot.weights.base[table.entries[4].offset] -= 2
      snapshot.training?.configuration.schedule.totalSteps += 1
      try CheckpointFile.write(snapshot, to: right)
      let report = try CheckpointReport.diff(left, right, json: true, using: reader)
      let json = try object(report)
      #expect(report.status == 1 && json["equal"] as? Bool == false)
      #expect(json["first_tensor"] as? String == "model_state/blocks/1/attn_wq/weight")
      #expect(json["first_element"] as? Int == 3)
      #expect(json["largest_difference"] as? Double == 2)
      #expect(json["largest_in"] as? String == "model_state/blocks/1/attn_wv/weight")
      #expect(
        json["differing_values"] as? [String] == [
          "schedule/total_steps", "progress/total_steps", "progress/weights_hash",
        ])
    }
  }

  /// Whatever texts a file holds, a report is lines that a terminal shows and does not obey.
  @Test func textsOfAFileAreShownNotObeyed() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    let hostile = "\u{1B}[2J\u{9B}31m\u{1B}]52;c;eA==\u{7}\r\nerror: forged\u{2028}\u{202E}\u{7F}"
    try Samples.withFolder { folder in
      var snapshot = try Samples.snapshot(characters: "\u{1B}\u{9B}\u{202E}ab\n")
      snapshot.training?.kernelFamily = hostile
      snapshot.training?.initialCheckpoint = hostile
      snapshot.training?.corpus.dataset = hostile
      snapshot.training?.corpus.sha256 = hostile
      snapshot.training?.progress.run = hostile
      let path = "\(folder)/\u{1B}[31m\nname.jld2"
      try CheckpointFile.write(snapshot, to: path)
      try CheckpointFile.write(Samples.snapshot(), to: "\(folder)/plain.jld2")
      try Samples.write(Samples.bytes(path).dropLast(), to: "\(path).cut")
      for json in [false, true] {
        let reports = try [
          CheckpointReport.inspect(path, json: json, using: reader),
          CheckpointReport.verify(path, json: json, using: reader),
          CheckpointReport.verify("\(path).cut", json: json, using: reader),
          CheckpointReport.diff(path, "\(folder)/plain.jld2", json: json, using: reader),
        ]
        for report in reports {
          #expect(visible(report.text, keeping: ["\n"]) == report.text)
          #expect(!report.text.split(separator: "\n").contains { $0.hasPrefix("error: forged") })
          if json { _ = try object(report) }
        }
        if !json {
          #expect(reports[0].text.contains(#"\u{1B}[2J\u{9B}31m\u{1B}]52;c;eA==\u{7}\r\nerror: forged"#))
        }
      }
    }
  }

  @Test(arguments: [(0.0, "0"), (1.0, "1.0"), (-0.0123456, "-0.01235"), (123456.0, "123500.0")])
  func numbersHaveFourDigits(value: Double, text: String) { #expect(short(value) == text) }
}
