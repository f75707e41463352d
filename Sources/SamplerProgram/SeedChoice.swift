// --seed: a number, or a wish for one that nobody has chosen.

import CommandLineOptions
import Platform

enum SeedChoice {
  /// - Returns: the seed, and whether the user should be told it.
  /// - Throws: `InvalidInput` as for any whole number out of range.
  static func of(_ text: String) throws -> (seed: UInt64, isDrawn: Bool) {
    // Short enough to be typed again.
    if text == "random" { return (UInt64.random(in: 0..<1 << 32), true) }
    guard let seed = Int(text), seed >= 0 else {
      let isNumber = Int(text) != nil
      throw InvalidInput(
        "--seed \(quoted(text)) is \(isNumber ? "out of range" : "not a whole number"); allowed: at least 0, or random"
      )
    }
    return (UInt64(seed), false)
  }
}
