// Which sequences make up the batch of a step: a pure function of (seed, step), the same on every rank. Knows
// nothing of how a batch is divided among ranks.

import GPTModel
import Platform
import Reproducibility
import TrainingState

/// The global batches of a whole training. Steps count from 1, as everywhere.
///
/// - Chunks: batches of G consecutive chunks, full ones only, visited in a new order every epoch.
/// - Documents: G consecutive documents per step, cyclically; `DocumentOrder` has already shuffled them.
public struct BatchSampler: Sendable {
  public let workflow: Workflow
  public let sequenceCount: Int
  /// G
  public let globalBatchSize: Int
  public let isShuffled: Bool
  private let seed: UInt64
  /// Batch order of the epoch last asked for: a cache, not state.
  private var order: (epoch: Int, batches: [Int])?

  /// - Parameter sequenceCount: in the training part.
  /// - Throws: `InvalidInput` if there are too few sequences for a batch.
  public init(_ configuration: TrainingConfiguration, sequenceCount: Int) throws {
    let (workflow, globalBatchSize) = (configuration.workflow, configuration.globalBatchSize)
    precondition(globalBatchSize >= 1)
    guard sequenceCount >= globalBatchSize else {
      let remedy =
        sequenceCount > 0
        ? "choose --batch-size \(sequenceCount) or smaller, or a longer corpus"
        : workflow == .chunks ? "choose a smaller --block-size or a longer corpus" : "choose a longer corpus"
      throw InvalidInput(
        "the corpus has \(sequenceCount) training \(workflow.rawValue), fewer than one batch of "
          + "\(globalBatchSize): \(remedy)")
    }
    self.workflow = workflow
    self.sequenceCount = sequenceCount
    self.globalBatchSize = globalBatchSize
    seed = configuration.randomSeed
    isShuffled = configuration.isShuffled
  }

  /// Steps in one pass. Documents: if a pass ends inside a batch, the next one starts there.
  public var stepsPerEpoch: Int {
    switch workflow {
    case .chunks: sequenceCount / globalBatchSize
    case .documents: (sequenceCount + globalBatchSize - 1) / globalBatchSize
    }
  }

  /// Chunks at the end of the text that fill no batch and are never trained on.
  public var leftoverCount: Int { workflow == .chunks ? sequenceCount % globalBatchSize : 0 }

  /// The epoch of a step and the step's number within it, both from 1.
  public func position(ofStep step: Int) -> (epoch: Int, stepInEpoch: Int) {
    precondition(step >= 1)
    switch workflow {
    case .chunks:
      return ((step - 1) / stepsPerEpoch + 1, (step - 1) % stepsPerEpoch + 1)
    case .documents:
      // A step belongs to the epoch of its first document.
      let passes = (step - 1) * globalBatchSize / sequenceCount
      let firstStep = (passes * sequenceCount + globalBatchSize - 1) / globalBatchSize + 1
      return (passes + 1, step - firstStep + 1)
    }
  }

  /// The G sequences of a step, in the order of the batch.
  public mutating func indices(ofStep step: Int) -> [Int] {
    switch workflow {
    case .chunks:
      let (epoch, stepInEpoch) = position(ofStep: step)
      let batch = isShuffled ? batches(ofEpoch: epoch)[stepInEpoch - 1] : stepInEpoch - 1
      return Array(batch * globalBatchSize..<(batch + 1) * globalBatchSize)
    case .documents:
      precondition(step >= 1)
      let first = (step - 1) * globalBatchSize
      return (first..<first + globalBatchSize).map { $0 % sequenceCount }
    }
  }

  private mutating func batches(ofEpoch epoch: Int) -> [Int] {
    if let order, order.epoch == epoch { return order.batches }
    var random = Philox(seed: seed, purpose: .epochOrder, epoch: epoch)
    let batches = random.permutation(stepsPerEpoch)
    order = (epoch, batches)
    return batches
  }
}
