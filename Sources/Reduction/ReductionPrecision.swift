// In which format the nodes of the tree are kept and sent.

/// The format to which every node of the canonical tree is rounded, leaves included: so the sum depends on the format,
/// but as little on the ranks as without rounding.
public enum ReductionPrecision: String, Sendable, CaseIterable {
  /// IEEE binary32; nothing is rounded beyond what an addition rounds.
  case float32
  /// The upper half of a binary32, rounded to nearest, ties to even: half the bytes on the wire, 8 bits of mantissa.
  case bfloat16

  public var byteCount: Int { self == .float32 ? 4 : 2 }
}

/// Conversions of binary32 to bfloat16 and back.
public enum BFloat16 {
  private typealias Floats = SIMD16<Float>
  private typealias Words = SIMD16<UInt32>

  /// The nearest bfloat16, as a binary32; NaN stays NaN, and infinity infinity.
  @inline(__always)
  static func rounded(_ values: SIMD16<Float>) -> SIMD16<Float> {
    let bits = unsafeBitCast(values, to: Words.self)
    let bias = Words(repeating: 0x7FFF) &+ ((bits &>> 16) & Words(repeating: 1))
    let nearest = (bits &+ bias) & Words(repeating: 0xFFFF_0000)
    // A NaN keeps its upper half and becomes quiet: rounding could carry it into the sign.
    let quiet = (bits | Words(repeating: 0x0040_0000)) & Words(repeating: 0xFFFF_0000)
    let isNaN = (bits & Words(repeating: 0x7FFF_FFFF)) .> Words(repeating: 0x7F80_0000)
    return unsafeBitCast(nearest.replacing(with: quiet, where: isNaN), to: Floats.self)
  }

  @inline(__always)
  static func rounded(_ value: Float) -> Float { rounded(Floats(repeating: value))[0] }

  /// Rounds `count` floats in place.
  public static func round(_ floats: UnsafeMutablePointer<Float>, count: Int) {
    let raw = UnsafeMutableRawPointer(floats)
    for start in stride(from: 0, to: count / 16 * 16, by: 16) {
      let values = raw.loadUnaligned(fromByteOffset: 4 * start, as: Floats.self)
      raw.storeBytes(of: rounded(values), toByteOffset: 4 * start, as: Floats.self)
    }
    for index in (count / 16 * 16)..<count { floats[index] = rounded(floats[index]) }
  }

  /// Packs floats that `round` leaves as they are.
  public static func pack(
    _ floats: UnsafePointer<Float>, into words: UnsafeMutablePointer<UInt16>, count: Int
  ) {
    for index in 0..<count { words[index] = UInt16(truncatingIfNeeded: floats[index].bitPattern >> 16) }
  }

  public static func unpack(
    _ words: UnsafePointer<UInt16>, into floats: UnsafeMutablePointer<Float>, count: Int
  ) {
    for index in 0..<count { floats[index] = Float(bitPattern: UInt32(words[index]) << 16) }
  }
}
