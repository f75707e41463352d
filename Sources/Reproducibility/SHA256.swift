// SHA-256 (FIPS 180-4), which identifies corpora: a file with the right digest is the right file. Checkpoints
// and weights use the faster XXH64. By the CPU's own instructions where it has them, with the same result.

import CTargetFeatures

/// Streaming SHA-256.
public struct SHA256: Sendable {
  private var state: SIMD8<UInt32> = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var totalLength: UInt64 = 0
  /// Bytes not yet consumed as a whole 64-byte block.
  private var tail: [UInt8] = []
  private let usesInstructions: Bool

  /// Whether this CPU has instructions for it: some five times as fast.
  public static let hasInstructions = target_has_sha256()

  public init() { self.init(usesInstructions: Self.hasInstructions) }

  /// - Parameter usesInstructions: false computes with ordinary ones.
  init(usesInstructions: Bool) {
    self.usesInstructions = usesInstructions
    tail.reserveCapacity(64)
  }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    totalLength &+= UInt64(bytes.count)
    var offset = 0
    if !tail.isEmpty {
      offset = min(64 - tail.count, bytes.count)
      tail.append(contentsOf: bytes[0..<offset])
      guard tail.count == 64 else { return }
      let block = tail
      block.withUnsafeBytes { consume($0) }
      tail.removeAll(keepingCapacity: true)
    }
    let whole = (bytes.count - offset) / 64 * 64
    if whole > 0 { consume(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + whole])) }
    tail.append(contentsOf: bytes[(offset + whole)...])
  }

  /// The digest of everything so far, 32 bytes; does not change the state.
  public func digest() -> [UInt8] {
    // Padding: one bit, zeros, the length in bits, up to a whole block.
    var padded = self
    let zeros = (119 - tail.count) % 64
    var padding: [UInt8] = [0x80] + [UInt8](repeating: 0, count: zeros)
    withUnsafeBytes(of: (totalLength &* 8).bigEndian) { padding.append(contentsOf: $0) }
    padding.withUnsafeBytes { padded.update($0) }
    return (0..<8).flatMap { word in withUnsafeBytes(of: padded.state[word].bigEndian) { [UInt8]($0) } }
  }

  /// 64 lower-case hexadecimal digits, the form used in logs and checkpoints.
  public func hexadecimalDigest() -> String {
    digest().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The hexadecimal digest of one buffer.
  public static func hash(_ bytes: UnsafeRawBufferPointer) -> String {
    var hasher = SHA256()
    hasher.update(bytes)
    return hasher.hexadecimalDigest()
  }

  /// - Parameter blocks: a whole number of 64-byte blocks.
  private mutating func consume(_ blocks: UnsafeRawBufferPointer) {
    var state = state
    Self.roundConstants.withUnsafeBufferPointer { constants in
      if usesInstructions {
        withUnsafeMutableBytes(of: &state) { words in
          target_sha256_blocks(
            words.assumingMemoryBound(to: UInt32.self).baseAddress!, blocks.baseAddress!, blocks.count / 64,
            constants.baseAddress!)
        }
        return
      }
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
        for offset in stride(from: 0, to: blocks.count, by: 64) {
          Self.compress(&state, blocks.baseAddress! + offset, schedule, constants)
        }
      }
    }
    self.state = state
  }

  /// One block into the state (FIPS 180-4, 6.2.2).
  @inline(__always)
  private static func compress(
    _ state: inout SIMD8<UInt32>, _ block: UnsafeRawPointer, _ schedule: UnsafeMutableBufferPointer<UInt32>,
    _ constants: UnsafeBufferPointer<UInt32>
  ) {
    let w = schedule.baseAddress!
    let k = constants.baseAddress!
    for t in 0..<16 {
      w[t] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * t, as: UInt32.self))
    }
    for t in 16..<64 {
      let (early, late) = (w[t - 15], w[t - 2])
      let sigma0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >> 3)
      let sigma1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >> 10)
      w[t] = w[t - 16] &+ sigma0 &+ w[t - 7] &+ sigma1
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for t in 0..<64 {
      let sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      let choice = (e & f) ^ (~e & g)
      let first = h &+ sum1 &+ choice &+ k[t] &+ w[t]
      let sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      let majority = (a & b) ^ (a & c) ^ (b & c)
      (h, g, f, e) = (g, f, e, d &+ first)
      (d, c, b, a) = (c, b, a, first &+ sum0 &+ majority)
    }
    state &+= SIMD8(a, b, c, d, e, f, g, h)
  }

  @inline(__always)
  private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 {
    (value >> count) | (value << (32 - count))
  }

  /// First 32 bits of the fractional parts of the cube roots of the first 64 primes.
  private static let roundConstants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
  ]
}
