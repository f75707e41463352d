// What a checkpoint of this moment says.

import GPTModel
import Kernels

/// Where a corpus came from.
public struct CorpusIdentity: Equatable, Sendable {
  /// For people: a file name or `synthetic`.
  public var dataset: String
  /// Of the whole file, 64 hexadecimal digits.
  public var sha256: String
  public init(dataset: String, sha256: String) {
    self.dataset = dataset
    self.sha256 = sha256
  }
}

extension Trainer {
  /// The state after the last finished step. Shares memory with the trainer: copy it before the next step. The hash
  /// of its weights is the file's business, which computes it away from the steps.
  public func snapshot() -> TrainingSnapshot {
    var state = TrainingState(optimizer: optimizer.state)
    state.optimizer.gradientClip = configuration.gradientClip
    let schedule = configuration.schedule
    state.schedule.kind = schedule.kind.rawValue
    state.schedule.peakLearningRate = schedule.peak
    state.schedule.warmupSteps = schedule.warmupSteps
    state.schedule.totalSteps = schedule.totalSteps
    state.data.workflow = configuration.workflow.rawValue
    state.data.dataset = corpus.dataset
    state.data.sha256 = corpus.sha256
    state.data.chunkCount = split.training.count
    state.data.globalBatch = configuration.globalBatchSize
    state.data.microbatch = configuration.microbatchSize
    let position = plan.position(ofStep: max(step, 1))
    state.data.epoch = position.epoch
    state.data.stepInEpoch = step == 0 ? 0 : position.stepInEpoch
    state.data.validationFraction = configuration.validationFraction
    state.data.isShuffled = configuration.isShuffled
    state.random.seed = Int(truncatingIfNeeded: configuration.seed)
    state.random.state = [configuration.seed, UInt64(position.epoch), UInt64(step)]
    state.progress = progress
    state.progress.run = settings.runIdentifier
    state.progress.wallSeconds = seconds
    return TrainingSnapshot(
      configuration: configuration.model, tokenizer: tokenizer, weights: model.weights, training: state)
  }
}

/// What a log shows of a trainer.
extension Trainer {
  public var worldSize: Int { communicator.worldSize }
  public var sequenceCount: Int { split.training.count }
  public var validationCount: Int? { split.validation?.count }
  public var stepsPerEpoch: Int { plan.stepsPerEpoch }
  public var leftoverCount: Int { plan.leftoverCount }
  public var epoch: Int { plan.position(ofStep: max(step, 1)).epoch }
  public var lossHistory: [Float] { progress.lossHistory }
  /// Of the weights as they are now.
  public var currentWeightsHash: String { model.table.weightsHash(of: model.weights) }
  public var bestValidationLoss: Double { progress.bestValidationLoss }
  /// Since the beginning of the training, earlier runs included.
  public var elapsedSeconds: Double { seconds }
  /// One line naming a rank that is much slower than the others.
  public var straggler: String? {
    record.straggler.map { slow in
      "\(communicator.describe(slow.rank)) is slow: \(Self.milliseconds(slow.secondsPerStep)) ms a step, "
        + "the median rank \(Self.milliseconds(slow.medianSeconds)) ms; all wait for it"
    }
  }

  private static func milliseconds(_ seconds: Double) -> String { String(Int((seconds * 1000).rounded())) }
}
