// UTF-8 (RFC 3629: no overlong forms, no surrogates), one character at a time, from memory.

/// Decodes the character that begins at `position`, which is before `end`.
///
/// - Returns: how many bytes it has; 0 if `end` cuts it off; -(k + 1) if its byte k (from 0) is wrong.
@inline(__always)
func decodeScalar(
  _ bytes: UnsafePointer<UInt8>, at position: Int, end: Int, into value: inout UInt32
) -> Int {
  let lead = bytes[position]
  let length: Int
  // What the second byte may be; the others may be 80…BF.
  var (lowest, highest): (UInt8, UInt8) = (0x80, 0xBF)
  switch lead {
  case 0x00...0x7F:
    value = UInt32(lead)
    return 1
  case 0xC2...0xDF:
    value = UInt32(lead & 0x1F)
    length = 2
  case 0xE0...0xEF:
    value = UInt32(lead & 0x0F)
    length = 3
    if lead == 0xE0 { lowest = 0xA0 }
    if lead == 0xED { highest = 0x9F }
  case 0xF0...0xF4:
    value = UInt32(lead & 0x07)
    length = 4
    if lead == 0xF0 { lowest = 0x90 }
    if lead == 0xF4 { highest = 0x8F }
  default:
    return -1
  }
  guard position + 1 < end else { return 0 }
  let second = bytes[position + 1]
  guard second >= lowest, second <= highest else { return -2 }
  value = value << 6 | UInt32(second & 0x3F)
  var index = 2
  while index < length {
    guard position + index < end else { return 0 }
    let byte = bytes[position + index]
    guard byte & 0xC0 == 0x80 else { return -(index + 1) }
    value = value << 6 | UInt32(byte & 0x3F)
    index += 1
  }
  return length
}

/// Whether a byte belongs to a character that began before it.
@inline(__always)
func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
