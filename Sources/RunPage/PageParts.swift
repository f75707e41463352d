// What the pages of one run and of several have in common: the frame, and charts with what stands beside them.

import Foundation
import Platform
import Reproducibility

enum PageParts {
  /// A whole document, which needs nothing but itself and may ask for nothing else.
  ///
  /// - Parameters:
  ///   - state: a class of the root: `running`.
  ///   - refresh: seconds, for readers without scripts; nil for a page that stays.
  ///   - body: markup.
  ///   - data: the element with the values.
  static func document(title: String, state: String, refresh: Double?, body: String, data: String) -> String {
    var hasher = SHA256()
    Array(PageScript.text.utf8).withUnsafeBytes { hasher.update($0) }
    let policy =
      "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
      + "script-src 'sha256-\(Data(hasher.digest()).base64EncodedString())'"
    let again = refresh.map {
      "<noscript><meta http-equiv=\"refresh\" content=\"\(max(2, Int($0)))\"></noscript>\n"
    }
    return """
      <!DOCTYPE html>
      <html lang="en" class="\(state)">
      <head>
      <meta charset="utf-8">
      \(PageData.mark)
      <meta http-equiv="Content-Security-Policy" content="\(policy)">
      <meta name="viewport" content="width=device-width,initial-scale=1">
      <meta name="color-scheme" content="light dark">
      \(again ?? "")<title>\(escaped(title))</title>
      <link rel="icon" href="\(icon)">
      <style>\(PageStyle.sheet)</style>
      </head>
      <body data-axis="step">
      <main>
      \(body)
      </main>
      \(data)
      <script>\(PageScript.text)</script>
      </body>
      </html>

      """
  }

  /// A falling curve.
  private static let icon =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M1 2c2 9 6 11 14 11'"
    + " fill='none' stroke='%231f62c4' stroke-width='2.4' stroke-linecap='round'/%3E%3C/svg%3E"

  /// Steps or seconds; shown by the script, without which there is nothing to choose.
  static let choice = """
    <span class="choice" hidden><button type="button" value="step" aria-pressed="true">steps</button>\
    <button type="button" value="seconds" aria-pressed="false">time</button></span>
    """

  /// A chart over steps and over seconds, of which one is shown.
  ///
  /// - Parameters:
  ///   - name: what the script shows under the pointer: `loss`, `lr`, `speed`, `norm`, `validation`.
  ///   - size: `tall` or `low`.
  ///   - describes: for those who do not see it.
  static func figure(
    _ name: String, title: String, caption: String = "", size: String, describes: String,
    chart: (Abscissa) -> CurveChart
  ) -> String {
    let views = Abscissa.allCases.map {
      view(chart($0), title: title, describes: describes)
    }
    let head = element(
      "div", "class=\"title\"", element("h2", "", escaped(title)) + (size == "tall" ? choice : ""))
    return element(
      "figure", "class=\"\(size)\" data-chart=\"\(name)\"",
      element("figcaption", "", head + caption) + "\n" + views.joined(separator: "\n"))
  }

  private static func view(_ chart: CurveChart, title: String, describes: String) -> String {
    let (x, y) = (chart.x, chart.y)
    let left = y.ticks.map { tick in
      "<span style=\"top:\((100 * (1 - y.position(of: tick.value))).coordinate)%\">\(escaped(tick.label))</span>"
    }
    // The widest label keeps the room for all.
    let room = y.ticks.map { "<i>\(escaped($0.label))</i>" }
    let below = x.ticks.map { tick -> String in
      let place = x.position(of: tick.value)
      let edge = place > 0.96 ? " class=\"end\"" : place < 0.02 ? " class=\"start\"" : ""
      return "<span\(edge) style=\"left:\((100 * place).coordinate)%\">\(escaped(tick.label))</span>"
    }
    let over = chart.abscissa == .step ? "over steps" : "over time"
    let svg =
      "<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\"><title>\(escaped(title)) \(over)</title>"
      + "<desc>\(escaped(describes))</desc>\(chart.plot)</svg>"
    return """
      <div class="view by-\(chart.abscissa.rawValue)" data-x0="\(x.range.lowerBound)" data-x1="\(x.range.upperBound)" \
      data-y0="\(y.range.lowerBound)" data-y1="\(y.range.upperBound)">\
      <div class="y" aria-hidden="true">\((left + room).joined())</div><div class="plot">\(svg)</div>\
      <div class="x" aria-hidden="true">\(below.joined())</div></div>
      """
  }

  /// A line of a legend. - Parameter styles: of the curves that it stands for.
  static func key(_ styles: [String], dots: Bool = false, _ markup: String) -> String {
    let paths = styles.map { "<path class=\"\($0)\" d=\"M\(dots ? "10 7h0" : "2 7h16")\"/>" }
    return element(
      "li", "", "<svg viewBox=\"0 0 20 14\" aria-hidden=\"true\">\(paths.joined())</svg>\(markup)")
  }

  static func tile(_ name: String, _ value: String, _ note: String = "", isMono: Bool = false) -> String {
    element(
      "div", "class=\"tile\(isMono ? " wide" : "")\"",
      element("span", "", escaped(name)) + element("b", isMono ? "class=\"mono\"" : "", escaped(value))
        + element("span", "", escaped(note)))
  }

  static func card(_ title: String, _ markup: String) -> String {
    element("section", "class=\"card\"", element("h2", "", escaped(title)) + "\n" + markup) + "\n"
  }

  /// `2026-11-25 22:01:55 UTC`, of which the script makes the reader's own.
  static func time(_ seconds: Double) -> String {
    let text = Date(timeIntervalSince1970: seconds).formatted(.iso8601)
    let words = text.replacingOccurrences(of: "T", with: " ").replacingOccurrences(of: "Z", with: " UTC")
    return "<time datetime=\"\(text)\">\(words)</time>"
  }

  static func loss(_ value: Double) -> String { Readable.fixed(value, digits: 4) }

  /// The last line of every page.
  static func footer(_ what: String, written: Double) -> String {
    element(
      "footer", "",
      "\(what) \(time(written)) by MicroGPT for Swift \(ProgramVersion.current). This file is whole: it asks for nothing "
        + "from anywhere, and can be kept and sent as it is.")
  }
}
