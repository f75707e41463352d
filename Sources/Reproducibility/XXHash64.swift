// XXH64, the 64-bit hash of the weights in logs and checkpoints and the digest of checkpoint files. Not
// cryptographic: it finds damage and divergence, not malice. Corpora are identified by SHA-256.

/// Streaming XXH64 with seed 0 by default (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md).
public struct XXHash64: Sendable {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  private var lane1: UInt64
  private var lane2: UInt64
  private var lane3: UInt64
  private var lane4: UInt64
  private let seed: UInt64
  private var totalLength: UInt64 = 0
  /// Bytes not yet consumed as a whole 32-byte stripe.
  private var tail: [UInt8] = []

  public init(seed: UInt64 = 0) {
    self.seed = seed
    lane1 = seed &+ Self.prime1 &+ Self.prime2
    lane2 = seed &+ Self.prime2
    lane3 = seed
    lane4 = seed &- Self.prime1
    tail.reserveCapacity(32)
  }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    totalLength &+= UInt64(bytes.count)
    var offset = 0
    if !tail.isEmpty {
      let taken = min(32 - tail.count, bytes.count)
      tail.append(contentsOf: bytes[0..<taken])
      offset = taken
      guard tail.count == 32 else { return }
      tail.withUnsafeBytes { consumeStripe($0.baseAddress!) }
      tail.removeAll(keepingCapacity: true)
    }
    while bytes.count - offset >= 32 {
      consumeStripe(bytes.baseAddress! + offset)
      offset += 32
    }
    tail.append(contentsOf: bytes[offset...])
  }

  /// The digest of everything so far; does not change the state.
  public func digest() -> UInt64 {
    var hash: UInt64
    if totalLength >= 32 {
      hash =
        Self.rotate(lane1, 1) &+ Self.rotate(lane2, 7) &+ Self.rotate(lane3, 12) &+ Self.rotate(lane4, 18)
      for lane in [lane1, lane2, lane3, lane4] {
        hash = (hash ^ Self.round(0, lane)) &* Self.prime1 &+ Self.prime4
      }
    } else {
      hash = seed &+ Self.prime5
    }
    hash &+= totalLength
    tail.withUnsafeBytes { bytes in
      var offset = 0
      while bytes.count - offset >= 8 {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        hash = Self.rotate(hash ^ Self.round(0, word), 27) &* Self.prime1 &+ Self.prime4
        offset += 8
      }
      if bytes.count - offset >= 4 {
        let word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        hash = Self.rotate(hash ^ (UInt64(word) &* Self.prime1), 23) &* Self.prime2 &+ Self.prime3
        offset += 4
      }
      while offset < bytes.count {
        hash = Self.rotate(hash ^ (UInt64(bytes[offset]) &* Self.prime5), 11) &* Self.prime1
        offset += 1
      }
    }
    hash = (hash ^ (hash >> 33)) &* Self.prime2
    hash = (hash ^ (hash >> 29)) &* Self.prime3
    return hash ^ (hash >> 32)
  }

  /// The digest of one buffer.
  public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    var hasher = XXHash64(seed: seed)
    hasher.update(bytes)
    return hasher.digest()
  }

  /// 16 lower-case hexadecimal digits, the form used in logs and checkpoints.
  public static func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private mutating func consumeStripe(_ stripe: UnsafeRawPointer) {
    lane1 = Self.round(lane1, UInt64(littleEndian: stripe.loadUnaligned(as: UInt64.self)))
    lane2 = Self.round(lane2, UInt64(littleEndian: stripe.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    lane3 = Self.round(lane3, UInt64(littleEndian: stripe.loadUnaligned(fromByteOffset: 16, as: UInt64.self)))
    lane4 = Self.round(lane4, UInt64(littleEndian: stripe.loadUnaligned(fromByteOffset: 24, as: UInt64.self)))
  }

  private static func round(_ accumulator: UInt64, _ word: UInt64) -> UInt64 {
    rotate(accumulator &+ word &* prime2, 31) &* prime1
  }

  private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
    (value << count) | (value >> (64 - count))
  }
}
