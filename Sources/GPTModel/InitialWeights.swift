// The weights before the first step: a function of (configuration, seed, standard deviation).

import Kernels
import Reproducibility

extension ParameterTable {
  /// Every weight ~ Normal(0, `standardDeviation`), with one random stream per tensor.
  public func initialWeights(seed: UInt64, standardDeviation: Double = 0.08) -> FloatArena {
    let arena = FloatArena(count: arenaCount)
    for (index, entry) in entries.enumerated() {
      var random = Philox(seed: seed, purpose: .initialWeights, epoch: index)
      for i in stride(from: 0, to: entry.count, by: 2) {
        let (first, second) = random.nextNormalPair()
        arena.base[entry.offset + i] = Float(first * standardDeviation)
        if i + 1 < entry.count { arena.base[entry.offset + i + 1] = Float(second * standardDeviation) }
      }
    }
    return arena
  }
}
