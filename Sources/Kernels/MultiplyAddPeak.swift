// The speed limit of a core: multiply-adds in registers and nothing else. What shares of the peak refer to.

/// Floating-point operations per second of one core, two a multiply-add: the best of a few short runs.
public func multiplyAddPeak() -> Double {
  let rounds = 2_000_000
  var best = 0.0
  for _ in 0..<20 {
    let start = ContinuousClock.now
    let check = multiplyAddLoop(rounds)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    precondition(check.isFinite)
    best = max(best, Double(rounds * 24 * laneCount) / seconds)
  }
  return best
}

/// Twenty-four different chains hide the latency of each; equal ones the compiler would merge.
@inline(never)
private func multiplyAddLoop(_ rounds: Int) -> Float {
  var (top, middle, bottom) = (FourRows(), FourRows(), FourRows())
  let (low, high) = (Lanes(repeating: 1e-9), Lanes(repeating: 2e-9))
  for _ in 0..<rounds {
    top.multiplyAdd(1, 2, 3, 4, low, high)
    middle.multiplyAdd(5, 6, 7, 8, low, high)
    bottom.multiplyAdd(9, 10, 11, 12, low, high)
  }
  return [top, middle, bottom].reduce(0) { $0 + $1.total }
}

extension FourRows {
  fileprivate var total: Float {
    (low0 + low1 + low2 + low3 + high0 + high1 + high2 + high3).laneSum
  }
}
