// Texts at which generation ends.

/// Passes on the characters of a text until one of the stops appears, which is not passed on itself: what could still
/// become one is held back.
struct StopMatcher {
  struct Character: Equatable {
    let scalar: Unicode.Scalar
    /// In nats; NaN where nobody has asked for it.
    let logProbability: Double
  }

  private let stops: [[Unicode.Scalar]]
  private var held: [Character] = []

  /// - Parameter stops: none of them empty.
  init(_ stops: [String]) {
    self.stops = stops.map { Array($0.unicodeScalars) }
    precondition(!self.stops.contains { $0.isEmpty })
  }

  /// - Returns: the characters that are certain now, and whether the text has come to a stop.
  mutating func take(_ character: Character) -> (passed: [Character], isStopped: Bool) {
    if stops.isEmpty { return ([character], false) }
    held.append(character)
    let completed = stops.filter { endsWith($0[...]) }.map(\.count).max()
    if let completed {
      defer { held = [] }
      return (Array(held.dropLast(completed)), true)
    }
    let possible =
      stops.map { stop in
        (1..<max(1, stop.count)).last { endsWith(stop.prefix($0)) } ?? 0
      }.max() ?? 0
    let passed = Array(held.dropLast(possible))
    held.removeFirst(passed.count)
    return (passed, false)
  }

  /// What was held back, at the end of a text that has come to no stop.
  mutating func flush() -> [Character] {
    defer { held = [] }
    return held
  }

  private func endsWith(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
    held.count >= text.count && zip(held.suffix(text.count), text).allSatisfy { $0.scalar == $1 }
  }
}
