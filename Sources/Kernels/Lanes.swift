// The vector type of all kernels and its few primitive operations. Not hardware-specific: 16 lanes are one
// AVX-512 register, two AVX2 or four NEON registers, so the order of every sum, and with it every bit, is the
// same on all CPUs that have a fused multiply-add.

import CTargetFeatures

/// 16 floats. Sums over a dimension are kept per lane and folded by `laneSum`, in one fixed order.
typealias Lanes = SIMD16<Float>

let laneCount = 16

extension UnsafePointer<Float> {
  @inline(__always)
  func lanes(_ offset: Int = 0) -> Lanes {
    UnsafeRawPointer(self + offset).loadUnaligned(as: Lanes.self)
  }
}

extension UnsafeMutablePointer<Float> {
  @inline(__always)
  func lanes(_ offset: Int = 0) -> Lanes {
    UnsafeRawPointer(self + offset).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  func store(_ value: Lanes, _ offset: Int = 0) {
    UnsafeMutableRawPointer(self + offset).storeBytes(of: value, as: Lanes.self)
  }

  /// Stores the first `count` < 16 lanes only.
  @inline(__always)
  func store(_ value: Lanes, first count: Int) {
    for lane in 0..<count { self[lane] = value[lane] }
  }
}

extension Lanes {
  /// self += a·b, fused where the CPU can do it. Elsewhere `addProduct` would be a call into libm per lane.
  @inline(__always)
  mutating func multiplyAdd(_ a: Lanes, _ b: Lanes) {
    if target_has_fma() { addProduct(a, b) } else { self += a * b }
  }

  /// The square root of every lane, correctly rounded.
  @inline(__always)
  var squareRoots: Lanes { target_sqrt(self) }

  /// self in the first `count` lanes (any count ≤ 0 keeps none, any ≥ 16 all), `other` in the rest.
  @inline(__always)
  func keeping(first count: Int, else other: Lanes) -> Lanes {
    let index = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    let limit = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: Swift.min(count, laneCount)))
    return other.replacing(with: self, where: index .< limit)
  }

  /// Lane-wise maximum; `other` wins only where it is larger, so a NaN in self is kept.
  @inline(__always)
  func maximum(_ other: Lanes) -> Lanes { replacing(with: other, where: other .> self) }

  /// The sum of all lanes, adding halves: 16 → 8 → 4 → 2 → 1.
  @inline(__always)
  var laneSum: Float {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  /// The largest lane.
  @inline(__always)
  var laneMaximum: Float {
    let eight = lowHalf.replacing(with: highHalf, where: highHalf .> lowHalf)
    let four = eight.lowHalf.replacing(with: eight.highHalf, where: eight.highHalf .> eight.lowHalf)
    return Swift.max(Swift.max(four.x, four.y), Swift.max(four.z, four.w))
  }

  /// coefficient + p·r
  @inline(__always)
  private static func horner(_ p: Lanes, _ r: Lanes, _ coefficient: Float) -> Lanes {
    var result = Lanes(repeating: coefficient)
    result.multiplyAdd(p, r)
    return result
  }

  /// e^self for inputs ≤ 0 (softmax after subtracting the maximum); below -87 the result is 0.
  ///
  /// x = n·ln 2 + r with |r| ≤ ½ ln 2, a polynomial of degree 6 for e^r (Cephes' expf coefficients), and n
  /// added to the exponent bits. Within 2 units in the last place of the true value.
  @inline(__always)
  var exponential: Lanes {
    // Adding 1.5·2²³ rounds to an integer in the low bits of the significand.
    let magic = Lanes(repeating: 12_582_912)
    var shifted = magic
    shifted.multiplyAdd(self, Lanes(repeating: 1.442_695_04))
    let n = shifted - magic
    var r = self
    r.multiplyAdd(n, Lanes(repeating: -0.693_359_375))
    r.multiplyAdd(n, Lanes(repeating: 2.121_944_4e-4))
    var p = Lanes(repeating: 1.987_569_15e-4)
    p = Lanes.horner(p, r, 1.398_199_950_7e-3)
    p = Lanes.horner(p, r, 8.333_451_907_3e-3)
    p = Lanes.horner(p, r, 4.166_579_589_4e-2)
    p = Lanes.horner(p, r, 1.666_666_545_9e-1)
    p = Lanes.horner(p, r, 0.5)
    var q = r + Lanes(repeating: 1)
    q.multiplyAdd(p, r * r)
    let exponent = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &<< 23
    let scaled = unsafeBitCast(unsafeBitCast(q, to: SIMD16<Int32>.self) &+ exponent, to: Lanes.self)
    return scaled.replacing(with: 0, where: self .< Lanes(repeating: -87))
  }
}

/// Floats between the starts of two rows of an activation matrix of `columns` columns: an odd number of cache
/// lines, so that the rows of a tile fall into different cache sets.
public func paddedStride(_ columns: Int) -> Int {
  let lines = (columns + laneCount - 1) / laneCount
  return (lines | 1) * laneCount
}
