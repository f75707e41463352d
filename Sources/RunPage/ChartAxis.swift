// Where an axis begins and ends, and what stands beside it: round numbers for people.

import Foundation
import Platform
import RunCurves

/// What runs from left to right.
enum Abscissa: String, CaseIterable {
  case step, seconds

  func value(of point: CurvePoint) -> Double { self == .step ? Double(point.step) : point.seconds }
}

struct ChartAxis {
  struct Tick {
    let value: Double
    let label: String
  }

  /// Not empty.
  let range: ClosedRange<Double>
  let ticks: [Tick]

  /// Where `value` is, 0 at the beginning and 1 at the end.
  func position(of value: Double) -> Double {
    (value - range.lowerBound) / (range.upperBound - range.lowerBound)
  }

  /// Losses, speeds and rates.
  ///
  /// - Parameter beginsAtZero: for quantities whose ratio matters.
  static func values(_ values: [Double], beginsAtZero: Bool, label: (Double, Double) -> String = plain)
    -> ChartAxis
  {
    var (low, high) = (values.min() ?? 0, values.max() ?? 1)
    if beginsAtZero { low = min(low, 0) }
    if low == high { (low, high) = (low - max(abs(low) * 0.1, 0.1), high + max(abs(high) * 0.1, 0.1)) }
    let margin = 0.04 * (high - low)
    let range = (beginsAtZero && low == 0 ? 0 : low - margin)...(high + margin)
    let unit = niceUnit(atLeast: (high - low) / 5)
    return ChartAxis(
      range: range, ticks: multiples(of: unit, in: range).map { Tick(value: $0, label: label($0, unit)) })
  }

  /// Steps or seconds.
  static func abscissa(_ kind: Abscissa, _ values: [Double]) -> ChartAxis {
    var (low, high) = (values.min() ?? 0, values.max() ?? 1)
    if low == high { (low, high) = (low - 0.5, high + 0.5) }
    // A run is shown from its beginning, one that was cut out of another from there.
    if low < 0.1 * high { low = 0 }
    let span = high - low
    switch kind {
    case .step:
      let unit = max(1, niceUnit(atLeast: span / 5))
      return ChartAxis(
        range: low...high,
        ticks: multiples(of: unit, in: low...high).map { Tick(value: $0, label: count($0)) })
    case .seconds:
      let unit = durationUnits.first { $0 >= span / 5 } ?? niceUnit(atLeast: span / 5 / 86_400) * 86_400
      let fine = span / 5 < 1 ? niceUnit(atLeast: span / 5) : unit
      return ChartAxis(
        range: low...high,
        ticks: multiples(of: fine, in: low...high).map { Tick(value: $0, label: duration($0, unit: fine)) })
    }
  }

  /// 1, 2 or 5 times a power of ten.
  private static func niceUnit(atLeast size: Double) -> Double {
    let power = pow(10, floor(log10(size)))
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= size * 0.999 } ?? 10 * power
  }

  private static let durationUnits: [Double] =
    [1, 2, 5, 10, 15, 30] + [1, 2, 5, 10, 15, 30].map { $0 * 60 } + [1, 2, 3, 6, 12].map { $0 * 3_600 }
    + [1, 2, 5, 10].map { $0 * 86_400 }

  private static func multiples(of unit: Double, in range: ClosedRange<Double>) -> [Double] {
    let first = (range.lowerBound / unit - 1e-9).rounded(.up)
    let last = (range.upperBound / unit + 1e-9).rounded(.down)
    guard last >= first, last - first < 20 else { return [] }
    return stride(from: first, through: last, by: 1).map { $0 * unit }
  }

  /// `2.5`, with the digits that tell neighbouring ticks apart.
  static func plain(_ value: Double, unit: Double) -> String {
    Readable.fixed(value, digits: max(0, min(9, Int((-log10(unit) - 1e-9).rounded(.up)))))
  }

  /// `3e-4`
  static func scientific(_ value: Double, unit: Double) -> String {
    guard value != 0 else { return "0" }
    let exponent = Int(floor(log10(abs(value)) + 1e-9))
    let mantissa = (value / pow(10, Double(exponent)) * 100).rounded() / 100
    let text = mantissa == mantissa.rounded() ? "\(Int(mantissa))" : "\(mantissa)"
    return "\(text)e\(exponent)"
  }

  /// `500`, `2,500`, `40k`, `1.5M`
  static func count(_ value: Double, unit: Double = 1) -> String {
    for (size, name) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")] where abs(value) >= size {
      let scaled = value / (name == "k" ? 1_000 : size)
      return (scaled == scaled.rounded() ? "\(Int(scaled))" : Readable.fixed(scaled, digits: 1)) + name
    }
    if value != value.rounded() { return plain(value, unit: unit) }
    return Readable.grouped(Int(value))
  }

  /// `0.5 s`, `30 s`, `5 min`, `1 h 30`, `2 d`
  private static func duration(_ value: Double, unit: Double) -> String {
    guard value > 0 else { return "0" }
    if unit < 60 && value < 120 { return "\(plain(value, unit: unit)) s" }
    let minutes = Int((value / 60).rounded(.down))
    if unit >= 86_400 { return "\(Int(value / 86_400)) d" }
    if unit >= 3_600 { return "\(minutes / 60) h" }
    if value < 3_600 {
      let seconds = Int(value) % 60
      return seconds == 0 ? "\(minutes) min" : "\(minutes):\(seconds < 10 ? "0" : "")\(seconds)"
    }
    let rest = minutes % 60
    return rest == 0 ? "\(minutes / 60) h" : "\(minutes / 60) h \(rest < 10 ? "0" : "")\(rest)"
  }
}
