// UTF-8 decoding a byte at a time, for the reference of CorpusScan.

/// A decoder for bytes that arrive in any portions (RFC 3629: no overlong forms, no surrogates).
struct UTF8Validator {
  /// What one byte did.
  enum Outcome {
    case scalar(Unicode.Scalar)
    /// A character has started but is not complete.
    case incomplete
    case invalid
  }

  private var value: UInt32 = 0
  /// Continuation bytes still to come.
  private var missing = 0
  /// What the next continuation byte may be. Only the second byte is restricted further than 80…BF.
  private var allowed: ClosedRange<UInt8> = 0x80...0xBF

  /// Whether the bytes so far end on a character boundary.
  var isAtBoundary: Bool { missing == 0 }

  mutating func consume(_ byte: UInt8) -> Outcome {
    if missing > 0 {
      guard allowed.contains(byte) else { return .invalid }
      allowed = 0x80...0xBF
      value = value << 6 | UInt32(byte & 0x3F)
      missing -= 1
      if missing > 0 { return .incomplete }
      return Unicode.Scalar(value).map(Outcome.scalar) ?? .invalid
    }
    switch byte {
    case 0x00...0x7F:
      return .scalar(Unicode.Scalar(byte))
    case 0xC2...0xDF:
      begin(byte & 0x1F, missing: 1, allowed: 0x80...0xBF)
    case 0xE0...0xEF:
      let lowest: UInt8 = byte == 0xE0 ? 0xA0 : 0x80
      let highest: UInt8 = byte == 0xED ? 0x9F : 0xBF
      begin(byte & 0x0F, missing: 2, allowed: lowest...highest)
    case 0xF0...0xF4:
      let lowest: UInt8 = byte == 0xF0 ? 0x90 : 0x80
      let highest: UInt8 = byte == 0xF4 ? 0x8F : 0xBF
      begin(byte & 0x07, missing: 3, allowed: lowest...highest)
    default:
      return .invalid
    }
    return .incomplete
  }

  private mutating func begin(_ bits: UInt8, missing: Int, allowed: ClosedRange<UInt8>) {
    value = UInt32(bits)
    self.missing = missing
    self.allowed = allowed
  }
}
