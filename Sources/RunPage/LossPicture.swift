// Loss curves as one SVG file for a README or a letter: no script, light and dark by the reader's wish. The same
// curves as on the page.

import Platform
import RunCurves

package struct LossPicture {
  let runs: [MetricsReader.Run]
  private static let (width, height) = (860.0, 430.0)
  /// Of the plot within it: left, top, right, bottom.
  private static let margin = (left: 62.0, top: 74.0, right: 26.0, bottom: 52.0)

  package init(_ runs: [MetricsReader.Run]) { self.runs = runs }

  package var text: String {
    let histories = runs.map(\.history)
    let isSingle = runs.count == 1
    let curves =
      isSingle
      ? CurveChart.lossCurves(histories[0])
      : ComparePage.lossCurves(histories.indices.map { (histories[$0], ComparePage.style($0)) })
    let chart = CurveChart(curves, over: .step)
    let title =
      isSingle
      ? "Loss of \(runs[0].name)"
      : "Loss of \(Readable.count(runs.count, "run")), \(ComparePage.meanWords(histories))"
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.width.coordinate) \(Self.height.coordinate)" \
      width="\(Self.width.coordinate)" height="\(Self.height.coordinate)" role="img" aria-labelledby="t d">
      <title id="t">\(escaped(title))</title>
      <desc id="d">\(escaped(described))</desc>
      <style>\(Self.style)</style>
      <rect class="ground" x=".5" y=".5" width="\((Self.width - 1).coordinate)" height="\((Self.height - 1).coordinate)" \
      rx="12"/>
      <text class="head" x="24" y="34">\(escaped(title))</text>
      \(legend)
      \(axes(chart))
      <svg x="\(Self.margin.left.coordinate)" y="\(Self.margin.top.coordinate)" width="\(plotWidth.coordinate)" \
      height="\(plotHeight.coordinate)" viewBox="0 0 1000 1000" preserveAspectRatio="none" overflow="visible">\(chart.plot)</svg>
      </svg>

      """
  }

  private var plotWidth: Double { Self.width - Self.margin.left - Self.margin.right }
  private var plotHeight: Double { Self.height - Self.margin.top - Self.margin.bottom }

  private static let style = """
    svg{\(PageStyle.light)}@media (prefers-color-scheme:dark){svg{\(PageStyle.dark)}}
    text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--quiet)}
    .head{font-size:17px;font-weight:600;fill:var(--ink)}.ground{fill:var(--card);stroke:var(--line)}
    .base{stroke:var(--quiet);stroke-width:1}
    \(PageStyle.curves)
    """

  private func axes(_ chart: CurveChart) -> String {
    let bottom = Self.margin.top + plotHeight
    var parts = [
      "<path class=\"base\" d=\"M\(Self.margin.left.coordinate) \(bottom.coordinate)h\(plotWidth.coordinate)\"/>"
    ]
    for tick in chart.y.ticks {
      let top = Self.margin.top + plotHeight * (1 - chart.y.position(of: tick.value)) + 4.5
      parts.append(
        "<text x=\"\((Self.margin.left - 10).coordinate)\" y=\"\(top.coordinate)\" text-anchor=\"end\">"
          + "\(escaped(tick.label))</text>")
    }
    for tick in chart.x.ticks {
      let place = chart.x.position(of: tick.value)
      let left = Self.margin.left + plotWidth * place
      parts.append(
        "<text x=\"\(left.coordinate)\" y=\"\((bottom + 21).coordinate)\" text-anchor=\"\(place > 0.97 ? "end" : "middle")\">"
          + "\(escaped(tick.label))</text>")
    }
    let middle = Self.margin.left + plotWidth / 2
    parts.append(
      "<text x=\"\(middle.coordinate)\" y=\"\((Self.height - 10).coordinate)\" text-anchor=\"middle\">step</text>"
    )
    return parts.joined(separator: "\n")
  }

  /// One line, which ends where there is no more room.
  private var legend: String {
    var entries: [(styles: [String], isDot: Bool, text: String)] = []
    if runs.count == 1 {
      let history = runs[0].history
      if history.window > 1 {
        entries.append((["mean c0"], false, "mean of the last \(Readable.grouped(history.window)) steps"))
      }
      let width = history.losses.width
      entries.append((["raw c0"], false, width == 1 ? "every step" : "extremes of every \(width) steps"))
      if let best = history.validations.lowest {
        entries.append((["validation"], true, "validation"))
        entries.append(
          (
            ["best", "best core"], true,
            "best \(PageParts.loss(best.loss)) at step \(Readable.grouped(best.step))"
          ))
      }
    } else {
      entries = runs.indices.map { (["mean \(ComparePage.style($0))"], false, runs[$0].name) }
    }
    var left = 24.0
    var parts: [String] = []
    for entry in entries {
      let width = 28 + 7.1 * Double(entry.text.count) + 20
      guard left + width < Self.width else { break }
      let y = 56.0
      let path =
        entry.isDot
        ? "M\((left + 9).coordinate) \((y - 4.5).coordinate)h0"
        : "M\(left.coordinate) \((y - 4.5).coordinate)h18"
      parts += entry.styles.map { "<path class=\"\($0)\" d=\"\(path)\"/>" }
      parts.append(
        "<text x=\"\((left + 26).coordinate)\" y=\"\(y.coordinate)\">\(escaped(entry.text))</text>")
      left += width
    }
    return parts.joined(separator: "\n")
  }

  private var described: String {
    runs.map { run in
      let final = run.history.finalLoss.map { "\(PageParts.loss($0)) at the end" } ?? "no steps"
      let best = run.history.validations.lowest.map {
        ", best validation \(PageParts.loss($0.loss)) at step \($0.step)"
      }
      return "\(run.name): \(final)\(best ?? "")"
    }.joined(separator: "; ") + "; nats a character"
  }
}
