// Keys, as terminals send them: bytes of UTF-8, control characters, escape sequences (ECMA-48; what xterm, the Linux
// console and tmux send for arrows, Home, End and Delete).

enum Key: Equatable, Sendable {
  case scalar(Unicode.Scalar)
  case enter, tab, backspace, delete, interrupt, suspend, endOfInput
  case left, right, up, down, home, end, wordLeft, wordRight
  case cutToStart, cutToEnd, cutWord, yank, clearScreen
  /// Nothing that means anything here.
  case unknown
}

/// Makes keys of bytes, one at a time.
struct KeyDecoder: Sendable {
  private var pending: [UInt8] = []

  /// Whether the bytes so far may be the beginning of a key.
  var isWithinKey: Bool { !pending.isEmpty }

  /// - Returns: the key that ends with this byte; nil within one.
  mutating func take(_ byte: UInt8) -> Key? {
    pending.append(byte)
    let key = decode()
    if key != nil { pending = [] }
    return key
  }

  /// The rest does not come: a lone Escape.
  mutating func giveUp() -> Key {
    pending = []
    return .unknown
  }

  private func decode() -> Key? {
    switch pending[0] {
    case 0x1B: return escapeSequence()
    case 0..<0x20, 0x7F: return Self.controls[pending[0]] ?? .unknown
    default: return scalar()
    }
  }

  private static let controls: [UInt8: Key] = [
    0x01: .home, 0x02: .left, 0x03: .interrupt, 0x04: .endOfInput, 0x05: .end, 0x06: .right, 0x08: .backspace,
    0x09: .tab, 0x0A: .enter, 0x0B: .cutToEnd, 0x0C: .clearScreen, 0x0D: .enter, 0x0E: .down, 0x10: .up,
    0x15: .cutToStart, 0x17: .cutWord, 0x19: .yank, 0x1A: .suspend, 0x7F: .backspace,
  ]

  private func scalar() -> Key? {
    let length =
      switch pending[0] {
      case ..<0x80: 1
      case 0xC2..<0xE0: 2
      case 0xE0..<0xF0: 3
      case 0xF0..<0xF5: 4
      default: 1
      }
    guard pending.count >= length else { return nil }
    guard let text = String(validating: pending, as: UTF8.self), let scalar = text.unicodeScalars.first else {
      return .unknown
    }
    return .scalar(scalar)
  }

  private func escapeSequence() -> Key? {
    guard pending.count > 1 else { return nil }
    switch pending[1] {
    case UInt8(ascii: "["), UInt8(ascii: "O"):
      guard pending.count > 2 else { return nil }
      let last = pending[pending.count - 1]
      // Parameters, then one byte that says what it is.
      guard (0x40...0x7E).contains(last) || pending.count > 16 else { return nil }
      return Self.sequences[String(decoding: pending.dropFirst(2), as: UTF8.self)] ?? .unknown
    case UInt8(ascii: "b"): return .wordLeft
    case UInt8(ascii: "f"): return .wordRight
    default: return .unknown
    }
  }

  private static let sequences: [String: Key] = [
    "A": .up, "B": .down, "C": .right, "D": .left, "H": .home, "F": .end, "1~": .home, "7~": .home,
    "4~": .end, "8~": .end, "3~": .delete, "1;5C": .wordRight, "1;5D": .wordLeft, "1;3C": .wordRight,
    "1;3D": .wordLeft,
  ]
}
