// How people write numbers: `1_000`, `1e3`, `10%`. Read exactly, so that every spelling of a number is the same bits.

enum NumberText {
  /// Why a text is no integer.
  enum Flaw: Error { case notWhole, tooLarge }

  /// A whole number, which may have an exponent: `64`, `+64`, `1_000`, `1e3`, `2.5e6`; not `1.5e0`.
  static func integer(_ text: String) -> Result<Int, Flaw> {
    guard let parts = Decimal(text) else { return .failure(.notWhole) }
    var digits = parts.digits.drop { $0 == "0" }
    guard !digits.isEmpty else { return .success(0) }
    var exponent = parts.exponent
    while exponent < 0, digits.last == "0" {
      digits.removeLast()
      exponent += 1
    }
    guard exponent >= 0 else { return .failure(.notWhole) }
    // 64 bits have 19 digits.
    guard digits.count + exponent <= 19 else { return .failure(.tooLarge) }
    let whole = (parts.isNegative ? "-" : "") + digits + String(repeating: "0", count: exponent)
    return Int(whole).map { .success($0) } ?? .failure(.tooLarge)
  }

  /// A large power of ten as one would type it: `1e12` for 1000000000000.
  static func readable(_ number: Int) -> String {
    let text = String(number)
    let isPower = text.first == "1" && text.dropFirst().allSatisfy { $0 == "0" }
    return isPower && text.count > 9 ? "1e\(text.count - 1)" : text
  }

  /// A decimal number; infinite if it is too large.
  ///
  /// - Parameter isFraction: whether `10%` is 0.1 here.
  /// - Returns: nil for anything else, such as nan, inf and hexadecimal.
  static func number(_ text: String, isFraction: Bool) -> Double? {
    if isFraction, text.hasSuffix("%") {
      guard let parts = Decimal(text.dropLast()), !text.lowercased().contains("e") else { return nil }
      // Not divided by 100: that would round twice.
      return Double("\(parts.isNegative ? "-" : "")\(parts.digits)e\(parts.exponent - 2)")
    }
    guard Decimal(text) != nil else { return nil }
    return Double(text.filter { $0 != "_" })
  }

  /// `-1_000.5e3` taken apart: its value is the digits times ten to the exponent.
  private struct Decimal {
    let isNegative: Bool
    let digits: String
    let exponent: Int

    init?(_ text: some StringProtocol) {
      guard text.utf8.count <= 400 else { return nil }
      var rest = Substring(text)
      isNegative = rest.first == "-"
      if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
      let halves = rest.split(omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
      guard (1...2).contains(halves.count) else { return nil }
      let numerals = halves[0].split(separator: ".", omittingEmptySubsequences: false)
      guard (1...2).contains(numerals.count), let whole = Self.digits(numerals[0]),
        let fraction = numerals.count == 2 ? Self.digits(numerals[1]) : "", !(whole + fraction).isEmpty
      else { return nil }
      var exponent = 0
      if halves.count == 2 {
        let sign = halves[1].first == "-" || halves[1].first == "+" ? halves[1].prefix(1) : ""
        let written = halves[1].dropFirst(sign.count)
        guard !written.isEmpty, written.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        // Beyond every range either way.
        exponent = min(Int(written.prefix(9)) ?? 0, 1_000_000) * (sign == "-" ? -1 : 1)
      }
      digits = whole + fraction
      self.exponent = exponent - fraction.count
    }

    /// Without the underscores, which stand between digits only.
    private static func digits(_ text: Substring) -> String? {
      guard !text.hasPrefix("_"), !text.hasSuffix("_"), !text.contains("__") else { return nil }
      let digits = text.filter { $0 != "_" }
      return digits.utf8.allSatisfy({ (48...57).contains($0) }) ? digits : nil
    }
  }
}
