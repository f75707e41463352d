// The page of a run as a browser shows it: a real Chromium where one is installed, and the file itself everywhere.

import Foundation
import Platform
import ProcessSupport
import Testing

/// Chromium on this machine; nil where there is none.
private let chromium =
  Machine.find("chromium") ?? Machine.find("chromium-browser") ?? Machine.find("google-chrome")

extension Trait where Self == ConditionTrait {
  fileprivate static var needsChromium: Self {
    .enabled(if: chromium != nil, "chromium is not installed (scripts/setup.sh --for-tests)")
  }
}

/// What stands in the page for its script, as far as it is compared here.
private struct PageValues: Decodable {
  struct Run: Decodable {
    let buckets: [[Double?]]
    let validations: [[Double?]]
  }
  struct Event: Decodable { let text: String }
  let live: Bool
  let runs: [Run]
  let events: [Event]

  init(of page: String) throws {
    let begin = try #require(page.range(of: "id=\"data\">"))
    let end = try #require(page.range(of: "</script>", range: begin.upperBound..<page.endIndex))
    self = try JSONDecoder().decode(PageValues.self, from: Data(page[begin.upperBound..<end.lowerBound].utf8))
  }

  /// Every point of the first run's curve.
  var points: [(step: Int, loss: Double)] {
    runs[0].buckets.flatMap { row in
      stride(from: 6, to: row.count, by: 3).map { (Int(row[$0]!), row[$0 + 1]!) }
    }
  }
}

extension Programs {
  @Suite struct Pages {
    private let workspace: Workspace
    init() throws { workspace = try Workspace.withCorpora() }

    private static let steps = ["--num-steps", "600", "--page", "run.html", "--val-interval", "50"]
    private static let run = Small.documents.filter { $0 != "--num-steps" && $0 != "40" } + steps

    private func page(_ name: String = "run.html") throws -> String { try workspace.text(name) }

    /// Losses as the metrics file has them, by step.
    private func losses(_ key: String) throws -> [Int: Double] {
      var result: [Int: Double] = [:]
      for line in try workspace.text("metrics.jsonl").split(separator: "\n") {
        // Swift's own reading of numbers, which is exact.
        func value(_ key: String) -> Substring? {
          line.range(of: "\"\(key)\":").map { line[$0.upperBound...].prefix { $0 != "," && $0 != "}" } }
        }
        if let step = value("step").flatMap({ Int($0) }), let loss = value(key).flatMap({ Double($0) }) {
          result[step] = loss
        }
      }
      return result
    }

    // MARK: In a browser

    /// The page after its script has run, and what the console said.
    private func load(_ name: String) throws -> (dom: String, console: [String]) {
      let job = try Job(command: [
        chromium ?? "", "--headless", "--no-sandbox", "--disable-gpu",
        "--user-data-dir=\(workspace.path)/browser",
        "--enable-logging=stderr", "--virtual-time-budget=1000", "--dump-dom",
        "file://\(workspace.path)/\(name)",
      ])
      let outcome = job.outcome()
      try #require(outcome.status == 0, "\(outcome)")
      return (
        outcome.output,
        outcome.errors.split(separator: "\n").map(String.init).filter { $0.contains("CONSOLE") }
      )
    }

    @Test(.needsChromium) func curvesInTheBrowserHaveTheRunsValues() throws {
      let outcome = try workspace.train(Self.run + ["--checkpoint", "c.jld2"])
      try #require(outcome.status == 0, "\(outcome)")
      let (dom, console) = try load("run.html")
      #expect(console.isEmpty, "\(console)")
      // The script has run, so that the page's policy lets it.
      #expect(dom.contains("class=\"finished js\""))
      let wanted = try losses("loss")
      #expect(
        Dictionary(uniqueKeysWithValues: try PageValues(of: dom).points.map { ($0.step, $0.loss) }) == wanted)
      // What is drawn, read back by the axes that the figure states.
      let view = try #require(dom.components(separatedBy: "class=\"view by-step\"").dropFirst().first)
      func number(_ name: String) throws -> Double {
        let text = try #require(view.components(separatedBy: "\(name)=\"").dropFirst().first)
        return try #require(Double(text.prefix { $0 != "\"" }))
      }
      let (x0, x1, y0, y1) = (
        try number("data-x0"), try number("data-x1"), try number("data-y0"), try number("data-y1")
      )
      func drawn(_ style: String) throws -> [Int: Double] {
        let path = try #require(view.components(separatedBy: "class=\"\(style)\" d=\"").dropFirst().first)
        let places = path.prefix { $0 != "\"" }.split { "MLh".contains($0) }.map { $0.split(separator: " ") }
        return Dictionary(
          places.filter { $0.count == 2 }.map { place in
            let (x, y) = (Double(place[0]) ?? .nan, Double(place[1]) ?? .nan)
            return (Int((x0 + x / 1_000 * (x1 - x0)).rounded()), y0 + (1 - y / 1_000) * (y1 - y0))
          }, uniquingKeysWith: { $1 })
      }
      for (curve, wanted) in [
        (try drawn("raw c0"), wanted), (try drawn("validation c0"), try losses("val_loss")),
      ] {
        #expect(curve.keys.sorted() == wanted.keys.sorted())
        // Coordinates have a ten thousandth of the height.
        #expect(curve.allSatisfy { abs($0.value - wanted[$0.key]!) < 1.1e-4 * (y1 - y0) })
      }
    }

    @Test(.needsChromium) func aPageThatIsWrittenNoMoreSaysSo() throws {
      let job = try Job(
        "gpt-ddp", Self.run + ["--num-steps", "100000000", "--checkpoint", "c.jld2"], folder: workspace.path)
      #expect(job.wait(until: { (try? page().contains("id=\"silent\"")) == true }))
      kill(job.pid, SIGKILL)
      job.end()
      let text = try page()
      #expect(try PageValues(of: text).live)
      // As it looks an hour later, and within the time that it promises.
      let written = try #require(text.firstMatch(of: #/"written":([0-9.e+]+)/#)).output.0
      let now = Date().timeIntervalSince1970
      for (time, isSilent) in [(now - 3_600, true), (now + 3_600, false)] {
        let changed = text.replacing(written, with: "\"written\":\(time)")
        try workspace.write(Array(changed.utf8), to: "later.html")
        let (dom, console) = try load("later.html")
        #expect(console.isEmpty, "\(console)")
        #expect(dom.contains("class=\"running js silent\"") == isSilent, "\(time - now)")
        #expect(dom.contains(">No sign of life</span>") == isSilent)
      }
    }

    @Test(.needsChromium, arguments: ["360", "1280"]) func isDrawnAtAnyWidth(width: String) throws {
      try workspace.write(
        Array("{\"step\":1,\"loss\":2,\"seconds\":1}\n{\"step\":2,\"loss\":1,\"seconds\":2}\n".utf8),
        to: "a.jsonl")
      #expect(
        try workspace.train(["--compare", "a.jsonl", "--page", "c.html", "--svg", "c.svg"]).status == 0)
      for (scheme, name) in [("0", "c.html"), ("1", "c.html"), ("1", "c.svg")] {
        let picture = "\(workspace.path)/shot-\(scheme).png"
        let job = try Job(command: [
          chromium ?? "", "--headless", "--no-sandbox", "--disable-gpu",
          "--user-data-dir=\(workspace.path)/browser",
          "--blink-settings=preferredColorScheme=\(scheme)", "--window-size=\(width),900",
          "--hide-scrollbars",
          "--enable-logging=stderr", "--virtual-time-budget=1000", "--screenshot=\(picture)",
          "file://\(workspace.path)/\(name)",
        ])
        let outcome = job.outcome()
        #expect(outcome.status == 0 && !outcome.errors.contains("CONSOLE"), "\(outcome)")
        // The width of a PNG is at byte 16.
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: picture)).prefix(20))
        #expect(bytes[16...].reduce(0) { $0 << 8 | Int($1) } == Int(width))
      }
    }

    // MARK: As a file

    @Test func aStoppedRunGoesOnWithItsPage() throws {
      // What a job leaves that is killed while it writes.
      try workspace.write([1], to: "run.html.tmp.4711-x9")
      let first = try workspace.train(Self.run + ["--checkpoint", "c.jld2", "--max-steps", "300"])
      try #require(first.status == 0, "\(first)")
      #expect(try page().contains("class=\"finished\"") && !workspace.names.contains { $0.contains(".tmp.") })
      // Without the metrics file, the page itself has the curves.
      let resumed = try workspace.train([
        "--resume", "--checkpoint", "c.jld2", "--page", "run.html", "--data", "list.txt",
      ])
      try #require(resumed.status == 0, "\(resumed)")
      let values = try PageValues(of: try page())
      #expect(values.points.map(\.step) == Array(1...600) && !values.live)
      #expect(values.events.contains { $0.text.hasPrefix("resumed after step 300") })
      let whole = try workspace.train(Self.run + ["--no-save", "--replace"])
      try #require(whole.status == 0, "\(whole)")
      #expect(try PageValues(of: try page()).points.map(\.loss) == values.points.map(\.loss))
    }

    @Test func aSignalIsOnThePage() throws {
      let job = try Job(
        "gpt-ddp", Self.run + ["--num-steps", "100000000", "--checkpoint", "c.jld2"], folder: workspace.path)
      #expect(job.wait(until: { (try? page().contains("Best validation")) == true }))
      kill(job.pid, SIGTERM)
      #expect(job.end() == ExitStatus.resumable, "\(job.text)")
      let text = try page()
      #expect(
        text.contains("class=\"stopped\"")
          && text.contains("--page run.html --resume") && text.contains("gpt-ddp --checkpoint c.jld2 "))
      #expect(try !PageValues(of: text).live)
    }

    @Test func isSetAsideRefusedOrReplacedLikeEveryOutput() throws {
      let small = Small.documents + ["--page", "run.html"]
      for extra in [["--no-save"], ["--no-save"], ["--no-save", "--replace"]] {
        let outcome = try workspace.train(small + extra)
        #expect(outcome.status == 0, "\(outcome)")
      }
      #expect(
        try fileNames(in: workspace.path).filter { $0.hasSuffix(".html") }.sorted() == [
          "run.html", "run.old-1.html",
        ])
      try workspace.write(Array("mine".utf8), to: "notes.html")
      #expect(try workspace.train(small + ["--checkpoint", "c.jld2"]).status == 0)
      try #require(symlink("list.txt", workspace.path + "/link.txt") == 0)
      let cases = [
        small + ["--page", "notes.html"], small + ["--page", "link.txt"],
        small + ["--page", "./metrics.jsonl"],
        small + ["--page", "."], small + ["--page", "/dev/null"], small + ["--page", "c.jld2"],
        Small.documents + ["--seed", "7", "--checkpoint", "d.jld2", "--page", "d.html"],
        ["--resume", "--checkpoint", "c.jld2", "--data", "list.txt", "--page", "d.html"],
      ]
      for (index, arguments) in cases.enumerated() {
        let outcome = try workspace.train(arguments + ["--replace"])
        // The last but one makes the page of another run.
        #expect(outcome.status == (index == 6 ? 0 : ExitStatus.usage), "\(arguments) \(outcome)")
        if index != 6 { #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)") }
      }
      #expect(try workspace.text("notes.html") == "mine")
    }

    @Test func aPageThatCannotBeWrittenIsAWarning() throws {
      let job = try Job(
        "gpt-ddp", Self.run + ["--num-steps", "100000000", "--no-save"], folder: workspace.path)
      #expect(job.wait(until: { (try? page().contains("Best validation")) == true }))
      // Somebody else's file takes the name.
      unlink(workspace.path + "/run.html")
      try workspace.write(Array("mine".utf8), to: "run.html")
      #expect(
        job.wait(until: { job.errors.contains("warning: the page run.html was not written") }), "\(job.text)")
      kill(job.pid, SIGTERM)
      #expect(job.end() == ExitStatus.resumable)
      #expect(try page() == "mine" && job.errors.components(separatedBy: "warning: the page").count == 2)
    }

    @Test func theBitsAreTheSameWithAPage() throws {
      let with = try workspace.train(Self.run + ["--no-save"])
      let lines = try workspace.metrics()
      let without = try workspace.train(
        Self.run.filter { $0 != "--page" && $0 != "run.html" } + ["--no-save"])
      #expect(with.status == 0 && without.status == 0)
      #expect(try workspace.metrics() == lines)
    }

    @Test(arguments: [
      ["--compare", "none.jsonl", "--page", "c.html"], ["--compare", "list.txt", "--page", "c.html"],
      ["--compare", "list.txt"], ["--svg", "c.svg"],
      ["--compare", "list.txt", "--page", "c.html", "--seed", "1"],
    ])
    func comparingRefusesInOneLine(arguments: [String]) throws {
      let outcome = try workspace.train(arguments)
      #expect(
        outcome.status == ExitStatus.usage && outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
      #expect(!FileManager.default.fileExists(atPath: workspace.path + "/c.html"))
    }
  }
}
