// The gradient exchange in isolation, without training.

import DataParallel
import GPTModel
import Kernels
import Platform
import TrainingState

enum ExchangeBenchmark {
  /// Seconds of each of `count` reductions of a gradient of this model, as this rank sees them; all ranks
  /// start together. The leaves are folded beforehand, as in a step.
  static func seconds(
    _ count: Int, _ configuration: TrainingConfiguration, _ communicator: Communicator
  ) throws -> [Double] {
    let elements = ParameterTable(configuration.model).arenaCount
    let interval = LeafIntervals(
      leafCount: configuration.leafCount, worldSize: communicator.worldSize)[communicator.rank]
    let fold = LeafFold(leafCount: configuration.leafCount, interval: interval, elementCount: elements)
    let exchange = GradientExchange(communicator: communicator, elementCount: elements)
    let result = FloatArena(count: elements)
    return try (1...count).map { step in
      for leaf in interval {
        let buffer = fold.takeBuffer()
        buffer.update(repeating: Float(leaf + 1), count: elements)
        fold.complete(leaf: leaf, buffer: buffer)
      }
      try communicator.barrier()
      let start = monotonicSeconds()
      try exchange.reduce(fold, into: result.base, step: step)
      let seconds = monotonicSeconds() - start
      fold.recycle()
      return seconds
    }
  }
}
