// Several runs on one page, and a loss curve as a picture.

import Foundation
import Platform
@testable import RunCurves
import TestSupport
import Testing

@testable import RunPage

@Suite struct ComparisonTests {
  private func metrics(_ steps: Int, _ offset: Double) -> [UInt8] {
    var text = ""
    for step in 1...steps {
      text +=
        "{\"step\":\(step),\"loss\":\(offset + 3 / Double(step)),\"seconds\":\(Double(step) / 4),\"tokens\":8}\n"
      if step % 10 == 0 { text += "{\"step\":\(step),\"val_loss\":\(offset + 4 / Double(step))}\n" }
    }
    return Array(text.utf8)
  }

  @Test func writesPageAndPicture() throws {
    let folder = try TemporaryFolder()
    let files = [
      try folder.file(metrics(200, 1), named: "a.jsonl"), try folder.file(metrics(100, 2), named: "b.jsonl"),
    ]
    let (page, picture) = (folder.path + "/new/c.html", folder.path + "/loss.svg")
    for _ in 1...2 {
      var said: [String] = []
      try RunComparison.write(files, page: page, picture: picture) { said.append($0) }
      #expect(said == ["wrote \(page)", "wrote \(picture)"])
    }
    let text = try String(contentsOfFile: page, encoding: .utf8)
    #expect(text.contains("2 runs compared") && text.contains("<b>1.0200</b>"))
    #expect(text.contains("class=\"mean c1\""))
    // An SVG that stands alone, well-formed, and follows the reader's colours.
    let svg = try Data(contentsOf: URL(fileURLWithPath: picture))
    let parsed = String(decoding: svg, as: UTF8.self)
    #expect(
      parsed.hasPrefix("<svg xmlns=") && parsed.contains("prefers-color-scheme")
        && !parsed.contains("<script"))
    #expect(parsed.components(separatedBy: "<path").count == parsed.components(separatedBy: "\"/>").count - 1)
  }

  @Test func manyLongRunsStayBelowAMegabyte() {
    for count in [2, 4, 8, 24] {
      var history = RunHistory(capacity: ComparePage.capacity(of: count), begin: 0)
      for step in 1...100_000 {
        history.append(
          step: step, loss: 2 + Double((step &* 7_919) % 1_001) / 1_003, seconds: Double(step) / 3,
          tokens: 1_024,
          learningRate: 1 / Double(step))
        if step % 100 == 0 { history.appendValidation(step: step, loss: 2 + 1 / Double(step)) }
      }
      let runs = (1...count).map { MetricsReader.Run(name: "run \($0)", history: history) }
      #expect(ComparePage(runs, written: 0).text.utf8.count < 1_000_000, "\(count) runs")
    }
  }

  @Test func refusesBeforeAnythingIsWritten() throws {
    let folder = try TemporaryFolder()
    let file = try folder.file(metrics(5, 1), named: "a.jsonl")
    let notes = try folder.file(Array("mine".utf8), named: "notes.txt")
    let cases: [([String], String?, String?)] = [
      ([file], nil, nil), ([file], file, nil), ([file], folder.path + "/./a.jsonl", nil),
      ([file], notes, nil),
      ([file], nil, notes), ([file], folder.path, nil), ([file, notes], folder.path + "/c.html", nil),
      ([file], folder.path + "/c.html", folder.path + "/c.html"), ([file], "/dev/null", nil),
      ([folder.path + "/none.jsonl"], folder.path + "/c.html", nil), ([file], "\(file)/c.html", nil),
      (Array(repeating: file, count: 25), folder.path + "/c.html", nil),
    ]
    for (files, page, picture) in cases {
      let error = #expect(throws: InvalidInput.self) {
        try RunComparison.write(files, page: page, picture: picture) { _ in }
      }
      #expect(error?.message.contains("\n") == false)
    }
    #expect(try fileNames(in: folder.path).sorted() == ["a.jsonl", "notes.txt"])
    #expect(try folder.text("notes.txt") == "mine")
  }
}
