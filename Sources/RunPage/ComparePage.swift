// One page about several runs: their curves over each other, and a table of what they came to. From values to text.

import Platform
import RunCurves

/// One HTML document that compares runs.
package struct ComparePage {
  package static let mostRuns = 24
  let runs: [MetricsReader.Run]
  /// Seconds since 1970.
  let written: Double

  package init(_ runs: [MetricsReader.Run], written: Double) { (self.runs, self.written) = (runs, written) }

  /// Buckets of each curve that keep a page of so many runs below a megabyte.
  package static func capacity(of count: Int) -> Int {
    switch count {
    case ...2: 1_024
    case ...4: 512
    case ...8: 256
    default: 128
    }
  }

  package var text: String {
    let names = runs.map(\.name).joined(separator: ", ")
    return PageParts.document(
      title: "\(Readable.count(runs.count, "run")) · \(names)", state: "compare", refresh: nil,
      body: [header, table, charts, PageParts.footer("Compared at", written: written)].joined(
        separator: "\n"),
      data: PageData.element([
        ("live", .boolean(false)), ("written", .real(written)),
        ("runs", .array(runs.map { PageData.json($0.history, name: $0.name) })),
      ]))
  }

  private var header: String {
    let best = bestRun.map { "best validation \(PageParts.loss($0.loss)), \(runs[$0.run].name)" }
    return """
      <header><div class="head"><h1>\(Readable.count(runs.count, "run")) compared</h1></div>
      <p class="quiet">\(escaped(best ?? "no run has been validated"))</p></header>
      """
  }

  private var bestRun: (run: Int, loss: Double)? {
    runs.indices.compactMap { run in runs[run].history.validations.lowest.map { (run, $0.loss) } }
      .min { $0.1 < $1.1 }
  }

  /// The palette's colour, and beyond its eight the form of the line.
  static func style(_ index: Int) -> String {
    "c\(index % 8)" + ["", " second", " third"][min(2, index / 8)]
  }

  // MARK: The table

  private var table: String {
    let heads = ["Run", "Steps", "Final loss", "Best validation", "Time", "Tokens/s", "Weights hash"]
    let lowest = runs.compactMap(\.history.finalLoss).min()
    let rows = runs.indices.map { index -> String in
      let history = runs[index].history
      let swatch =
        "<svg class=\"swatch\" viewBox=\"0 0 22 14\" aria-hidden=\"true\"><path class=\"mean \(Self.style(index))\" "
        + "d=\"M2 7h18\"/></svg>"
      let final = history.finalLoss.map { $0 == lowest ? "<b>\(PageParts.loss($0))</b>" : PageParts.loss($0) }
      let best = history.validations.lowest.map {
        let loss = PageParts.loss($0.loss)
        return ($0.loss == bestRun?.loss ? "<b>\(loss)</b>" : loss)
          + " <span class=\"quiet\">at \(Readable.grouped($0.step))</span>"
      }
      let cells = [
        swatch + escaped(runs[index].name), Readable.grouped(history.step), final ?? "–", best ?? "–",
        history.seconds > 0 ? Readable.duration(seconds: history.seconds) : "–",
        history.speed.map { Readable.grouped(Int($0)) } ?? "–",
        history.weightsHash.map {
          "<span class=\"mono\">\(escaped($0.text))</span>"
            + ($0.step < history.step ? " <span class=\"quiet\">at \(Readable.grouped($0.step))</span>" : "")
        } ?? "–",
      ]
      return element("tr", "", cells.map { element("td", "", $0) }.joined())
    }
    let head = element("tr", "", heads.map { element("th", "scope=\"col\"", $0) }.joined())
    return element(
      "section", "class=\"card scroll\"",
      element("table", "", element("thead", "", head) + element("tbody", "", rows.joined(separator: "\n"))))
  }

  // MARK: The curves

  private var charts: String {
    let drawn = runs.indices.filter { !runs[$0].history.losses.buckets.isEmpty }
    let validated = runs.indices.filter { !runs[$0].history.validations.buckets.isEmpty }
    var figures: [String] = []
    if !drawn.isEmpty {
      figures.append(
        PageParts.figure(
          "loss", title: meansTitle, caption: legend(drawn), size: "tall",
          describes: described { $0.finalLoss }
        ) { CurveChart(Self.lossCurves(drawn.map { (runs[$0].history, Self.style($0)) }), over: $0) })
    }
    if !validated.isEmpty {
      figures.append(
        PageParts.figure(
          "validation", title: "Validation loss", caption: legend(validated), size: "tall",
          describes: described { $0.validations.lowest?.loss }
        ) { CurveChart(validated.flatMap(validationCurves), over: $0) })
    }
    return figures.map { element("section", "class=\"card\"", $0) }.joined(separator: "\n")
  }

  /// The means: single steps of several runs over each other would hide them.
  static func lossCurves(_ runs: [(history: RunHistory, style: String)]) -> [CurveChart.Curve] {
    runs.map {
      .init(
        form: .line, style: "mean \($0.style)", points: $0.history.losses.means(window: $0.history.window))
    }
  }

  private func validationCurves(_ index: Int) -> [CurveChart.Curve] {
    let points = runs[index].history.validations.buckets.flatMap(\.points)
    return [
      .init(form: .line, style: "mean \(Self.style(index))", points: points),
      .init(form: .dots, style: "point rim", points: points),
      .init(form: .dots, style: "point c\(index % 8)", points: points),
    ]
  }

  /// `Loss, mean of the last 50 steps`
  private var meansTitle: String { "Loss, \(Self.meanWords(runs.map(\.history)))" }

  static func meanWords(_ histories: [RunHistory]) -> String {
    let windows = histories.map(\.window)
    guard let low = windows.min(), let high = windows.max() else { return "" }
    let count = low == high ? Readable.grouped(low) : "\(Readable.grouped(low)) to \(Readable.grouped(high))"
    return high == 1 ? "every step" : "mean of the last \(count) steps"
  }

  private func legend(_ indices: [Int]) -> String {
    let keys = indices.map { PageParts.key(["mean \(Self.style($0))"], escaped(runs[$0].name)) }
    return element("ul", "class=\"keys\"", keys.joined())
  }

  private func described(_ value: (RunHistory) -> Double?) -> String {
    runs.compactMap { run in value(run.history).map { "\(run.name) \(PageParts.loss($0))" } }.joined(
      separator: ", ")
  }
}
