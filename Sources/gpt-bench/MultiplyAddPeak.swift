// The speed limit of a core: multiply-adds in registers and nothing else. What shares of the peak refer to.

import CTargetFeatures
import Platform

enum MultiplyAddPeak {
  /// Floating-point operations per second of one core, two a multiply-add: the best of a few short runs.
  static func measure() -> Double {
    let rounds = 2_000_000
    var best = 0.0
    for _ in 0..<20 {
      let start = monotonicSeconds()
      let (check, lanes) =
        target_has_avx512()
        ? (loop(rounds, SIMD16<Float>(repeating: 1e-3)), 16)
        : (loop(rounds, SIMD8<Float>(repeating: 1e-3)), 8)
      let seconds = monotonicSeconds() - start
      precondition(check.isFinite)
      best = max(best, 2 * Double(rounds * chains * lanes) / seconds)
    }
    return best
  }

  /// Twelve chains of the machine's own width hide the latency of each and fit into the registers beside the factor.
  private static let chains = 12

  /// The chains begin at different values, else the compiler would merge them; the factor comes from outside, else it
  /// would simplify them.
  @inline(__always)
  private static func loop<Vector: SIMD>(_ rounds: Int, _ factor: Vector) -> Float
  where Vector.Scalar == Float {
    var (a, b, c, d) = (factor + 1, factor + 2, factor + 3, factor + 4)
    var (e, f, g, h) = (factor + 5, factor + 6, factor + 7, factor + 8)
    var (i, j, k, l) = (factor + 9, factor + 10, factor + 11, factor + 12)
    for _ in 0..<rounds {
      a.addProduct(factor, factor)
      b.addProduct(factor, factor)
      c.addProduct(factor, factor)
      d.addProduct(factor, factor)
      e.addProduct(factor, factor)
      f.addProduct(factor, factor)
      g.addProduct(factor, factor)
      h.addProduct(factor, factor)
      i.addProduct(factor, factor)
      j.addProduct(factor, factor)
      k.addProduct(factor, factor)
      l.addProduct(factor, factor)
    }
    return (a + b + c + d + e + f + g + h + i + j + k + l).sum()
  }
}
