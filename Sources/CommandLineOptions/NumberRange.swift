// Intervals of real numbers with open or closed ends, as options declare them.

/// Which finite numbers an option accepts: `.above(0)`, `.from(0)`, `0...1`, `0..<1`.
public struct NumberRange: Equatable, Sendable {
  private let lower: Double
  private let upper: Double
  private let includesLower: Bool
  private let includesUpper: Bool

  public static let any = NumberRange(-.infinity, .infinity, true, true)
  /// x > bound
  public static func above(_ bound: Double) -> NumberRange { NumberRange(bound, .infinity, false, true) }
  /// x ≥ bound
  public static func from(_ bound: Double) -> NumberRange { NumberRange(bound, .infinity, true, true) }
  /// lower ≤ x ≤ upper
  public static func closed(_ range: ClosedRange<Double>) -> NumberRange {
    NumberRange(range.lowerBound, range.upperBound, true, true)
  }
  /// lower ≤ x < upper
  public static func halfOpen(_ range: Range<Double>) -> NumberRange {
    NumberRange(range.lowerBound, range.upperBound, true, false)
  }
  /// lower < x ≤ upper
  public static func above(_ bound: Double, upTo upper: Double) -> NumberRange {
    NumberRange(bound, upper, false, true)
  }

  private init(_ lower: Double, _ upper: Double, _ includesLower: Bool, _ includesUpper: Bool) {
    self.lower = lower
    self.upper = upper
    self.includesLower = includesLower
    self.includesUpper = includesUpper
  }

  /// Whether the range holds a finite number.
  public func contains(_ value: Double) -> Bool {
    (value > lower || (includesLower && value == lower))
      && (value < upper || (includesUpper && value == upper))
  }

  /// Whether all that it holds are parts of a whole, which people write as percentages, too.
  var isOfFractions: Bool { lower >= 0 && upper <= 1 }

  /// `at least 0 and below 1`; nil where every number is allowed.
  public var text: String? {
    var parts: [String] = []
    if lower > -.infinity { parts.append("\(includesLower ? "at least" : "above") \(decimal(lower))") }
    if upper < .infinity { parts.append("\(includesUpper ? "at most" : "below") \(decimal(upper))") }
    return parts.isEmpty ? nil : parts.joined(separator: " and ")
  }
}

/// The shortest decimal that reads back as the same number; whole numbers get no `.0`.
public func decimal(_ value: Double) -> String {
  let text = value.description
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
