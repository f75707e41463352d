// Text that others have written, as a terminal may show it: nothing in it moves the cursor, changes colours or the
// clipboard, or turns the direction of what follows.

/// `text` with every character spelled out that a terminal would obey: ESC as `\u{1B}`, a newline as `\n`.
/// - Parameter kept: of these, the ones that may stay.
public func visible(_ text: String, keeping kept: [Unicode.Scalar] = []) -> String {
  func isHidden(_ scalar: Unicode.Scalar) -> Bool { scalar.isCommand && !kept.contains(scalar) }
  guard text.unicodeScalars.contains(where: isHidden) else { return text }
  var shown = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    if isHidden(scalar) {
      shown.append(contentsOf: spelling(of: scalar).unicodeScalars)
    } else {
      shown.append(scalar)
    }
  }
  return String(shown)
}

private func spelling(of scalar: Unicode.Scalar) -> String {
  switch scalar {
  case "\n": "\\n"
  case "\r": "\\r"
  case "\t": "\\t"
  default: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
  }
}

extension Unicode.Scalar {
  /// Whether it tells a terminal to do something: C0, DEL, C1, separators of lines and paragraphs, and controls of
  /// the writing direction.
  var isCommand: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x61C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
