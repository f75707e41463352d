// Durations and sizes for people. Machine-readable output (metrics, JSON) never goes through here.

import Foundation

public enum Readable {
  /// `840 ms`, `4.2s`, `1m 23s`, `2h 05m`, `3d 04h`; `unknown` for NaN, negative and infinite numbers.
  public static func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return "unknown" }
    if seconds < 0.9995 { return "\(Int((seconds * 1000).rounded())) ms" }
    if seconds < 9.95 { return "\(fixed(seconds, digits: 1))s" }
    let whole = Int(seconds.rounded())
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60)
    if whole < 60 { return "\(whole)s" }
    if whole < 3_600 { return "\(minutes)m \(twoDigits(whole % 60))s" }
    if days == 0 { return "\(hours)h \(twoDigits(minutes))m" }
    return "\(days)d \(twoDigits(hours))h"
  }

  /// `1 rank`, `1,000 leaves`.
  public static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    "\(grouped(number)) \(number == 1 ? one : many ?? one + "s")"
  }

  /// `512 B`, `9.6 MB`, `123 GB`: powers of ten.
  public static func bytes(_ count: Int) -> String {
    guard count >= 1_000 else { return "\(count) B" }
    var value = Double(count)
    for unit in ["kB", "MB", "GB", "TB", "PB"] {
      value /= 1_000
      // 999.5 would be shown as 1000.
      if value < 999.5 || unit == "PB" { return "\(fixed(value, digits: value < 99.95 ? 1 : 0)) \(unit)" }
    }
    preconditionFailure("the last unit takes every count")
  }

  /// A number with exactly `digits` decimals.
  public static func fixed(_ value: Double, digits: Int) -> String { String(format: "%.\(digits)f", value) }

  /// `1,115,394`
  public static func grouped(_ count: Int) -> String {
    var digits = Array(String(count.magnitude))
    for position in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: position) }
    return (count < 0 ? "-" : "") + String(digits)
  }

  private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
