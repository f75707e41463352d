// Metrics files as people have them.

import Platform
import TestSupport
import Testing

@testable import RunCurves

@Suite struct MetricsReaderTests {
  private func read(_ text: String, name: String = "run.jsonl") throws -> MetricsReader.Content {
    let folder = try TemporaryFolder()
    return try MetricsReader.read(try folder.file(Array(text.utf8), named: name))
  }

  private func refusal(_ text: String) -> String? {
    do {
      _ = try read(text)
      return nil
    } catch { return "\(error)" }
  }

  private static let lines = [
    #"{"step":1,"epoch":1,"loss":4.25,"lr":0.001,"seconds":0.5,"tokens":32}"#,
    #"{"step":1,"val_loss":4.5}"#,
    #"{"step":2,"epoch":1,"loss":3.125,"lr":0.002,"seconds":1.5,"tokens":64,"grad_norm":7.5,"weights_hash":"0123456789abcdef"}"#,
  ]

  @Test(arguments: ["\n", "\r\n"])
  func readsWhatIsWritten(lineEnd: String) throws {
    let content = try read(Self.lines.joined(separator: lineEnd) + lineEnd)
    let history = try #require(content.runs.first?.history)
    #expect(content.runs.map(\.name) == ["run"] && content.notes.isEmpty)
    #expect(history.losses.buckets.map(\.first.loss) == [4.25, 3.125] && history.seconds == 1.5)
    #expect(history.losses.buckets.map(\.speed) == [64, 64] && history.losses.buckets[1].gradientNorm == 7.5)
    #expect(history.validations.lowest == CurvePoint(step: 1, loss: 4.5, seconds: 0.5))
    #expect(history.weightsHash?.text == "0123456789abcdef")
  }

  @Test func aCutLastLineIsLeftOutAndSaid() throws {
    let content = try read(Self.lines.joined(separator: "\n") + "\n" + #"{"step":3,"lo"#)
    #expect(content.runs[0].history.step == 2 && content.notes.count == 1)
    // Whole but for its line end, it counts.
    #expect(try read(Self.lines[0]).runs[0].history.step == 1)
  }

  @Test func anotherRunBehindTheFirstIsAnother() throws {
    let content = try read((Self.lines + Self.lines).joined(separator: "\n"), name: "a.b.jsonl")
    #expect(content.runs.map(\.name) == ["a.b", "a.b, run 2"])
    #expect(content.runs[0].history == content.runs[1].history)
  }

  @Test func lossesThatAreNoNumbersAreSaid() throws {
    let content = try read(Self.lines[0] + "\n" + #"{"step":2,"loss":null,"seconds":1}"# + "\n")
    #expect(content.runs[0].history.step == 1 && content.notes.count == 1)
  }

  @Test(arguments: [
    "notes\n", "{\"step\":1}\n", "[1]\n", "{\"step\":\"1\",\"loss\":2}\n", "{\"step\":0,\"loss\":2}\n", "",
    String(repeating: "x", count: 3_000_000),
  ])
  func refusesOtherFilesInOneLine(text: String) throws {
    let line = try #require(refusal(text))
    #expect(line.contains("metrics file") && !line.contains("\n"))
  }

  @Test func refusesWhatIsNoFile() throws {
    #expect(throws: InvalidInput.self) { try MetricsReader.read("/dev/zero") }
    #expect(throws: InvalidInput.self) { try MetricsReader.read("/nowhere/run.jsonl") }
    #expect(throws: InvalidInput.self) { try MetricsReader.read("/tmp") }
  }
}
