// The speed limit of a core: multiply-adds in registers and nothing else. Percentages of peak refer to it.

import CTargetFeatures
import Platform

public enum MultiplyAddPeak {
  /// Floating-point operations per second two per multiply-add: the best of a few short runs.
  ///
  /// - Parameters:
  ///   - threads: that do so at the same time: processors may share units, and clocks fall.
  ///   - rounds: of twelve multiply-adds; a million takes two to five milliseconds.
  public static func measure(threads: Int = 1, rounds: Int = 1_000_000, runs: Int = 20) -> Double {
    let isWide = target_has_avx512()
    let team = ThreadTeam(count: threads)
    var best = 0.0
    for _ in 0..<runs {
      let start = monotonicSeconds()
      team.run(threads) { _, _ in
        let check = isWide ? wide(rounds, 1e-3) : narrow(rounds, 1e-3)
        precondition(check.isFinite)
      }
      let seconds = monotonicSeconds() - start
      best = max(best, 2 * Double(threads * rounds * chains * (isWide ? 16 : 8)) / seconds)
    }
    return best
  }

  /// Twelve chains of full-width vectors hide each one's latency and fit in 16 registers with two factors.
  private static let chains = 12

  // The chains start at different values, or the compiler would merge them; the factors are arguments, or it
  // would fold them. One loop per width: a generic one does not compile to plain vector instructions.

  @inline(never)
  private static func narrow(_ rounds: Int, _ factor: Float) -> Float {
    typealias Vector = SIMD8<Float>
    let (x, y) = (Vector(repeating: factor), Vector(repeating: 2 * factor))
    var (a, b, c, d) = (x + 1, x + 2, x + 3, x + 4)
    var (e, f, g, h) = (x + 5, x + 6, x + 7, x + 8)
    var (i, j, k, l) = (x + 9, x + 10, x + 11, x + 12)
    for _ in 0..<rounds {
      a.addProduct(x, y)
      b.addProduct(x, y)
      c.addProduct(x, y)
      d.addProduct(x, y)
      e.addProduct(x, y)
      f.addProduct(x, y)
      g.addProduct(x, y)
      h.addProduct(x, y)
      i.addProduct(x, y)
      j.addProduct(x, y)
      k.addProduct(x, y)
      l.addProduct(x, y)
    }
    return (a + b + c + d + e + f + g + h + i + j + k + l).sum()
  }

  @inline(never)
  private static func wide(_ rounds: Int, _ factor: Float) -> Float {
    typealias Vector = SIMD16<Float>
    let (x, y) = (Vector(repeating: factor), Vector(repeating: 2 * factor))
    var (a, b, c, d) = (x + 1, x + 2, x + 3, x + 4)
    var (e, f, g, h) = (x + 5, x + 6, x + 7, x + 8)
    var (i, j, k, l) = (x + 9, x + 10, x + 11, x + 12)
    for _ in 0..<rounds {
      a.addProduct(x, y)
      b.addProduct(x, y)
      c.addProduct(x, y)
      d.addProduct(x, y)
      e.addProduct(x, y)
      f.addProduct(x, y)
      g.addProduct(x, y)
      h.addProduct(x, y)
      i.addProduct(x, y)
      j.addProduct(x, y)
      k.addProduct(x, y)
      l.addProduct(x, y)
    }
    return (a + b + c + d + e + f + g + h + i + j + k + l).sum()
  }
}
