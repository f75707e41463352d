// Curves as SVG. The plot has no text and is stretched to whatever room there is, lines and dots keeping their widths;
// what stands beside the axes is placed by whoever embeds it: HTML in a page, SVG text in a picture.

import RunCurves

/// Curves over steps or seconds.
struct CurveChart {
  /// A line, or the dots of single values.
  struct Curve {
    enum Form { case line, dots }
    let form: Form
    /// Classes that the style knows, such as `mean c0`.
    let style: String
    /// `loss` of a point is whatever the chart shows.
    let points: [CurvePoint]
  }

  /// Edge of the square that coordinates count in.
  static let edge = 1_000.0

  let abscissa: Abscissa
  let x: ChartAxis
  let y: ChartAxis
  let curves: [Curve]

  /// - Parameters:
  ///   - end: the last step that is planned, to which the axis reaches; nil for the last one that is there.
  ///   - label: of a tick, from its value and the distance of ticks.
  init(
    _ curves: [Curve], over abscissa: Abscissa, beginsAtZero: Bool = false,
    label: (Double, Double) -> String = ChartAxis.plain
  ) {
    self.abscissa = abscissa
    self.curves = curves
    let points = curves.flatMap(\.points)
    x = .abscissa(abscissa, points.map(abscissa.value))
    y = .values(points.map(\.loss), beginsAtZero: beginsAtZero, label: label)
  }

  /// Grid and curves, in the square.
  var plot: String {
    let grid = y.ticks.map { "M0 \((Self.edge * (1 - y.position(of: $0.value))).coordinate)h1000" }.joined()
    return "<path class=\"grid\" d=\"\(grid)\"/>" + curves.map(draw).joined()
  }

  private func draw(_ curve: Curve) -> String {
    guard !curve.points.isEmpty else { return "" }
    var path = ""
    path.reserveCapacity(12 * curve.points.count)
    for (index, point) in curve.points.enumerated() {
      let left = Self.edge * x.position(of: abscissa.value(of: point))
      let top = Self.edge * (1 - y.position(of: point.loss))
      switch curve.form {
      case .line: path += "\(index == 0 ? "M" : "L")\(left.coordinate) \(top.coordinate)"
      // A line of no length with round ends is a dot, however the square is stretched.
      case .dots: path += "M\(left.coordinate) \(top.coordinate)h0"
      }
    }
    // One point makes no line.
    if curve.form == .line, curve.points.count == 1 { path += "h0" }
    return "<path class=\"\(curve.style)\" d=\"\(path)\"/>"
  }
}

extension CurveChart {
  /// The curves of one run's loss, bottom to top.
  ///
  /// - Parameters:
  ///   - color: which of the palette's.
  ///   - marksBest: whether the lowest validation has a ring.
  static func lossCurves(_ history: RunHistory, color: Int = 0, marksBest: Bool = true) -> [Curve] {
    var curves = [
      Curve(form: .line, style: "raw c\(color)", points: history.losses.buckets.flatMap(\.points)),
      Curve(form: .line, style: "mean c\(color)", points: history.losses.means(window: history.window)),
    ]
    let validations = history.validations.buckets.flatMap(\.points)
    guard !validations.isEmpty else { return curves }
    // Many would hide the line.
    let isFew = validations.count <= 40
    if isFew { curves.append(Curve(form: .dots, style: "validation rim c\(color)", points: validations)) }
    curves.append(
      Curve(form: .dots, style: "validation \(isFew ? "" : "small ")c\(color)", points: validations))
    if marksBest, let best = history.validations.lowest {
      curves.append(Curve(form: .dots, style: "best c\(color)", points: [best]))
      curves.append(Curve(form: .dots, style: "best core c\(color)", points: [best]))
    }
    return curves
  }
}
