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
    let exchange = try GradientExchange(
      communicator: communicator, elementCount: elements, leafCount: configuration.leafCount)
    let fold = exchange.makeFold(threads: 1)
    return try (1...count).map { step in
      for leaf in fold.interval {
        let buffer = fold.takeBuffer(for: leaf)
        buffer.update(repeating: Float(leaf + 1), count: elements)
        fold.complete(leaf: leaf, buffer: buffer)
      }
      try communicator.barrier()
      let start = monotonicSeconds()
      try exchange.reduce(step: step)
      let seconds = monotonicSeconds() - start
      fold.recycle()
      return seconds
    }
  }
}
