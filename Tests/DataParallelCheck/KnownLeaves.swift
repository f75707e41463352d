// Leaves whose sum depends on the order of additions, and the hash by which results are compared.

enum KnownLeaves {
  /// Elements of the cases: none, fewer than ranks, odd, below and above a cache line, a real model's size.
  static let cases: [(leafCount: Int, elementCount: Int, maximumMessageLength: Int)] = [
    (1, 1, 1 << 28), (1, 100, 1 << 28), (2, 5, 1 << 28), (3, 17, 1 << 28), (4, 0, 1 << 28),
    (5, 1000, 64), (6, 3, 1 << 28), (7, 4097, 1000), (8, 4096, 1 << 28), (13, 30001, 1 << 28),
    (16, 836_096, 1 << 28), (31, 2049, 100), (32, 65_536, 1 << 28),
  ]

  /// Large numbers that cancel, small ones that survive only in the right order.
  static func value(leaf: Int, element: Int) -> Float {
    var bits = UInt64(truncatingIfNeeded: leaf &* 1_000_003 &+ element) &* 0x9E37_79B9_7F4A_7C15
    bits ^= bits >> 29
    bits = bits &* 0xBF58_476D_1CE4_E5B9
    bits ^= bits >> 32
    switch bits % 6 {
    case 0: return 1e8
    case 1: return -1e8
    case 2: return 1
    case 3: return -1
    case 4: return 0.1
    default: return Float(bits >> 40) * 0x1p-24
    }
  }

  static func fill(_ buffer: UnsafeMutablePointer<Float>, leaf: Int, count: Int) {
    for element in 0..<count { buffer[element] = value(leaf: leaf, element: element) }
  }

  /// FNV-1a over the bits of every float.
  static func hash(_ floats: UnsafePointer<Float>, count: Int) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for element in 0..<count { hash = (hash ^ UInt64(floats[element].bitPattern)) &* 0x100_0000_01B3 }
    return hash
  }

  static func line(leafCount: Int, elementCount: Int, hash: UInt64) -> String {
    "leaves \(leafCount) elements \(elementCount) hash \(String(hash, radix: 16))"
  }
}
