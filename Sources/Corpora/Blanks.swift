// White space: what is trimmed from documents, and what ends their lines.

/// Sets of white-space characters as bits of a word, so that keeping one costs nothing.
enum Blanks {
  /// What Unicode calls White_Space, without the two that end lines here, `\n` and `\r`. Bit k of a set is number k.
  static let scalars: [Unicode.Scalar] =
    [" ", "\t", "\u{B}", "\u{C}", "\u{85}", "\u{A0}", "\u{1680}"]
    + (0x2000...0x200A).compactMap(Unicode.Scalar.init)
    + ["\u{2028}", "\u{2029}", "\u{202F}", "\u{205F}", "\u{3000}"]

  /// The set of one character; 0 if it is no white space.
  @inline(__always)
  static func set(of scalar: UInt32) -> UInt32 {
    switch scalar {
    case 0x20: 1 << 0
    case 0x09: 1 << 1
    case 0x0B: 1 << 2
    case 0x0C: 1 << 3
    case 0x00..<0x85: 0
    case 0x85: 1 << 4
    case 0xA0: 1 << 5
    case 0x1680: 1 << 6
    case 0x2000...0x200A: 1 << (7 + scalar - 0x2000)
    case 0x2028: 1 << 18
    case 0x2029: 1 << 19
    case 0x202F: 1 << 20
    case 0x205F: 1 << 21
    case 0x3000: 1 << 22
    default: 0
    }
  }

  /// Lines end as on Unix, Windows or old Macs.
  @inline(__always)
  static func endsLine(_ scalar: UInt32) -> Bool { scalar == 0x0A || scalar == 0x0D }

  static func scalars(in set: UInt32) -> [Unicode.Scalar] {
    scalars.indices.filter { set & 1 << UInt32($0) != 0 }.map { scalars[$0] }
  }
}
