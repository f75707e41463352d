// The gradient exchange in isolation, without training.

import DataParallel
import GPTModel
import Platform
import Reduction
import TrainingState

/// Reductions of a gradient of one model. The leaves are folded beforehand, as in a step.
public struct TimedExchange {
  private let elementCount: Int
  private let communicator: Communicator
  private let exchange: GradientExchange
  private let fold: LeafFold
  private var step = 0

  /// Of all ranks, which call this together.
  public init(_ configuration: TrainingConfiguration, _ communicator: Communicator) throws {
    elementCount = ParameterTable(configuration.model).arenaCount
    self.communicator = communicator
    exchange = try GradientExchange(
      communicator: communicator, elementCount: elementCount, leafCount: configuration.leafCount)
    fold = exchange.makeFold(threads: 1)
  }

  /// One reduction, which all ranks begin together.
  ///
  /// - Returns: seconds as this rank sees them.
  public mutating func reduce() throws -> Double {
    step += 1
    for leaf in fold.interval {
      let buffer = fold.takeBuffer(for: leaf)
      buffer.update(repeating: Float(leaf + 1), count: elementCount)
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
