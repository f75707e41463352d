// Every spelling of a number is the same number, to the bit.

import Testing

@testable import CommandLineOptions

@Suite struct NumberSpellings {
  @Test(arguments: [
    ("0", 0), ("-0", 0), ("007", 7), ("+64", 64), ("1_000", 1_000), ("1e3", 1_000), ("1E+3", 1_000),
    ("2.5e6", 2_500_000),
    ("10e-1", 1), ("1.0", 1), ("0e999999999", 0), ("0.000e-5", 0), ("-3e2", -300),
    ("9223372036854775807", Int.max),
    ("-9223372036854775808", Int.min), ("9_223_372_036_854_775_807e0", Int.max),
    ("1e18", 1_000_000_000_000_000_000),
  ])
  func wholeNumbers(_ text: String, _ number: Int) {
    #expect(NumberText.integer(text) == .success(number))
  }

  @Test(arguments: [
    ("", NumberText.Flaw.notWhole), ("-", .notWhole), (".", .notWhole), ("e3", .notWhole), ("1e", .notWhole),
    ("1e+", .notWhole), ("1e3.0", .notWhole), ("1e1e1", .notWhole), ("1.5", .notWhole), ("15e-1", .notWhole),
    ("1e-1", .notWhole), ("_1", .notWhole), ("1_", .notWhole), ("1__0", .notWhole), ("1_e3", .notWhole),
    ("0x10", .notWhole),
    ("1 000", .notWhole), ("\u{661}", .notWhole), ("9223372036854775808", .tooLarge), ("1e19", .tooLarge),
    ("1e99999999999999999999", .tooLarge),
  ])
  func noWholeNumbers(_ text: String, _ flaw: NumberText.Flaw) {
    #expect(NumberText.integer(text) == .failure(flaw))
  }

  /// A percentage is the double that its decimal form is: dividing by 100 would miss it for some.
  @Test func percentages() {
    for hundredths in 0...10_000 {
      let (whole, rest) = (hundredths / 100, hundredths % 100)
      let digits = String(10_000 + hundredths).dropFirst()
      let plain = hundredths == 10_000 ? "1" : "0.\(digits)"
      let percent = "\(whole).\(rest < 10 ? "0" : "")\(rest)%"
      #expect(NumberText.number(percent, isFraction: true) == Double(plain), "\(percent)")
    }
    #expect(NumberText.number("10%", isFraction: true) == 0.1)
    #expect(NumberText.number("10%", isFraction: false) == nil)
    #expect(NumberText.number("1_000.5", isFraction: false) == 1_000.5)
    #expect(
      NumberText.number("nan", isFraction: true) == nil && NumberText.number("1e9%", isFraction: true) == nil)
  }

  @Test func largeBoundsAreReadable() {
    #expect(NumberText.readable(1_000_000_000_000) == "1e12" && NumberText.readable(1_000_000) == "1000000")
    #expect(NumberText.readable(16_384) == "16384" && NumberText.readable(2_000_000_000) == "2000000000")
  }
}
