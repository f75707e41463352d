// The speed limit of a core: multiply-adds in registers and nothing else. What shares of the peak refer to.

/// Floating-point operations per second of one core, two a multiply-add: the best of a few short runs.
public func multiplyAddPeak() -> Double {
  let rounds = 2_000_000
  var best = 0.0
  for _ in 0..<20 {
    let start = ContinuousClock.now
    let check = multiplyAddLoop(rounds, 1e-3)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    precondition(check.isFinite)
    best = max(best, 2 * Double(rounds * 24 * laneCount) / seconds)
  }
  return best
}

/// Twenty-four chains hide the latency of each. They begin at different values, else the compiler would merge
/// them; the factors come from outside, else it would simplify them.
@inline(never)
private func multiplyAddLoop(_ rounds: Int, _ factor: Float) -> Float {
  var (top, middle, bottom) = (FourRows(from: 1), FourRows(from: 9), FourRows(from: 17))
  let (low, high) = (Lanes(repeating: factor), Lanes(repeating: 2 * factor))
  for _ in 0..<rounds {
    top.multiplyAdd(factor, factor, factor, factor, low, high)
    middle.multiplyAdd(factor, factor, factor, factor, low, high)
    bottom.multiplyAdd(factor, factor, factor, factor, low, high)
  }
  return top.total + middle.total + bottom.total
}

extension FourRows {
  /// Rows of first, first + 1, …
  fileprivate init(from first: Float) {
    low0 = Lanes(repeating: first)
    high0 = Lanes(repeating: first + 1)
    low1 = Lanes(repeating: first + 2)
    high1 = Lanes(repeating: first + 3)
    low2 = Lanes(repeating: first + 4)
    high2 = Lanes(repeating: first + 5)
    low3 = Lanes(repeating: first + 6)
    high3 = Lanes(repeating: first + 7)
  }

  fileprivate var total: Float {
    (low0 + low1 + low2 + low3 + high0 + high1 + high2 + high3).laneSum
  }
}
