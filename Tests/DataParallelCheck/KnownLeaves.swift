// Leaves whose sum depends on the order of additions, and the hash by which results are compared.

import Reduction

enum KnownLeaves {
  struct Case: Sendable {
    let leafCount: Int
    let elementCount: Int
    var maximumMessageLength = 1 << 28
    var bucketCount = 1
    var precision = ReductionPrecision.float32

    /// From the end to the beginning, as a backward pass finishes them.
    var buckets: [Range<Int>] {
      let ends = (0...bucketCount).map { min(elementCount, elementCount * $0 / bucketCount / 16 * 16) }
      return (0..<bucketCount).reversed().map {
        ends[$0]..<($0 + 1 == bucketCount ? elementCount : ends[$0 + 1])
      }
    }
  }

  /// Elements: none, fewer than ranks, odd, below and above a cache line, a real model's size.
  static let cases = [
    Case(leafCount: 1, elementCount: 1), Case(leafCount: 1, elementCount: 100),
    Case(leafCount: 2, elementCount: 5), Case(leafCount: 3, elementCount: 17),
    Case(leafCount: 4, elementCount: 0), Case(leafCount: 5, elementCount: 1000, maximumMessageLength: 64),
    Case(leafCount: 6, elementCount: 3), Case(leafCount: 7, elementCount: 4097, maximumMessageLength: 1000),
    Case(leafCount: 8, elementCount: 4096), Case(leafCount: 13, elementCount: 30001, bucketCount: 5),
    Case(leafCount: 16, elementCount: 836_096),
    Case(leafCount: 31, elementCount: 2049, maximumMessageLength: 100),
    Case(leafCount: 32, elementCount: 65_536, bucketCount: 3),
    Case(leafCount: 9, elementCount: 5000, bucketCount: 2, precision: .bfloat16),
    Case(leafCount: 64, elementCount: 20_011, maximumMessageLength: 77, precision: .bfloat16),
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

  /// Naive twin: the definition of the tree, element by element.
  static func sum(leafCount: Int, elementCount: Int, precision: ReductionPrecision = .float32) -> [Float] {
    func rounded(_ value: Float) -> Float { precision == .float32 ? value : nearestBFloat16(value) }
    return (0..<elementCount).map { element in
      func tree(_ low: Int, _ high: Int) -> Float {
        if high - low == 1 { return rounded(value(leaf: low, element: element)) }
        var power = 1
        while power * 2 < high - low { power *= 2 }
        return rounded(tree(low, low + power) + tree(low + power, high))
      }
      return tree(0, leafCount)
    }
  }

  /// Naive twin: the nearest of the two neighbours with 8 bits of mantissa; in a tie, the even one.
  static func nearestBFloat16(_ value: Float) -> Float {
    guard value.isFinite else { return value }
    let below = Float(bitPattern: value.bitPattern & 0xFFFF_0000)
    let above = Float(bitPattern: (value.bitPattern & 0xFFFF_0000) &+ 0x1_0000)
    let down = abs(Double(value) - Double(below))
    // What would be above, were there no largest number.
    let up = above.isFinite ? abs(Double(above) - Double(value)) : Double(below.ulp) * 0x1p16 - down
    if down != up { return down < up ? below : above }
    return below.bitPattern & 0x1_0000 == 0 ? below : above
  }

  static func line(_ known: Case, hash: UInt64) -> String {
    "leaves \(known.leafCount) elements \(known.elementCount) \(known.precision) hash \(String(hash, radix: 16))"
  }
}
