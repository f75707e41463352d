// What rank 0 does beyond its share of the work, expressed in values. Training knows no files, formats or
// terminals: the program passes in an implementation.

import GPTModel
import TrainingState

/// Receives the results of a training, on rank 0.
public protocol TrainingOutputs: AnyObject {
  /// A step has ended.
  func finished(_ step: StepMetrics)
  /// A validation has begun, or come further; called several times a second.
  func validating(_ progress: ValidationProgress)
  /// The held-out part has been evaluated.
  func validated(_ validation: ValidationMetrics)
  /// A checkpoint is due; all ranks have these weights, and wait for this to return, however long a disk takes. On
  /// another thread than the other calls. The implementation reports failures that training can survive.
  ///
  /// - Parameters:
  ///   - snapshot: shares memory with the training, which continues when this returns.
  ///   - isBest: the best of all validations so far.
  ///   - isFinal: no other follows.
  func save(_ snapshot: TrainingSnapshot, isBest: Bool, isFinal: Bool) throws
  /// Samples are due. - Parameter model: already prepared.
  func sample(_ model: PreparedModel, step: Int)
  /// More is waiting to be written than should be: training pauses until `catchUp` returns, on another thread.
  var isBehind: Bool { get }
  func catchUp()
  /// What `save` or `catchUp` waits for, in words.
  var waitedFor: String { get }
}

/// What is known about one finished step.
public struct StepMetrics: Sendable {
  public var step: Int
  public var epoch: Int
  /// Mean over the step's targets, nats.
  public var loss: Double
  public var learningRate: Double
  /// Since the beginning of the training, earlier runs included.
  public var seconds: Double
  /// Targets of this step.
  public var tokens: Int
  /// Before clipping.
  public var gradientNorm: Double?
  public var weightsHash: String?
  /// Where this rank's wall time of this step went.
  public var profile: [(phase: String, seconds: Double)]?
  /// One line naming a rank that is much slower than the others.
  public var straggler: String?
}

/// How far rank 0 is with its part of a validation.
public struct ValidationProgress: Sendable {
  public var step: Int
  public var epoch: Int
  /// What is done, 0…1.
  public var fraction: Double
  /// What the rest will take; nil at the beginning.
  public var secondsLeft: Double?
}

/// What a validation found, equal on all ranks.
public struct ValidationMetrics: Sendable {
  public var step: Int
  public var epoch: Int
  /// Mean over all validation targets, in nats: the same bits for any number of ranks.
  public var loss: Double
  /// The lowest so far in this training.
  public var isBest: Bool
  /// A rank was asked to stop in the meantime.
  var stops = false
}

/// What is known about a training before its first step.
public struct TrainingFacts: Sendable {
  public let configuration: TrainingConfiguration
  public let kernelFamily: String
  public let worldSize: Int
  public let threads: Int
  /// Chunks or documents.
  public let sequenceCount: Int
  public let heldOutCount: Int?
  /// Those of them that a validation takes.
  public let validatedCount: Int?
  public let stepsPerEpoch: Int
  public let leftoverCount: Int
  /// Where this run begins and ends.
  public let firstStep: Int
  public let lastStep: Int
  /// Seconds of earlier runs of the same training.
  public let earlierSeconds: Double
}

extension TrainingFacts {
  /// Of a training that nobody begins.
  ///
  /// - Parameters:
  ///   - corpus: that it would be of.
  ///   - progress: where it would go on.
  /// - Throws: `InvalidInput` if the corpus does not fill a batch.
  public init(
    planning configuration: TrainingConfiguration, _ settings: RunSettings, _ corpus: TrainingCorpus,
    worldSize: Int, from progress: TrainingProgress
  ) throws {
    let batches = try BatchSampler(configuration, sequenceCount: corpus.split.training.count)
    let held = corpus.split.validation?.count
    self.init(
      configuration: configuration, kernelFamily: configuration.backend.kernelFamily, worldSize: worldSize,
      threads: settings.threads, sequenceCount: batches.sequenceCount, heldOutCount: held,
      validatedCount: held.map { configuration.validatedCount(of: $0) },
      stepsPerEpoch: batches.stepsPerEpoch, leftoverCount: batches.leftoverCount, firstStep: progress.step,
      lastStep: min(settings.lastStep ?? .max, configuration.totalSteps),
      earlierSeconds: progress.wallSeconds)
  }
}

/// How a run ended.
public struct TrainingResult: Sendable {
  /// A request, not the last step, ended it.
  public let wasStopped: Bool
  /// No validation of the last few was the best (`TrainingConfiguration.patience`).
  public let endedEarly: Bool
  /// Steps of this run.
  public let steps: Int
  /// Wall seconds of this run.
  public let seconds: Double
  public let progress: TrainingProgress
  /// Hash of the final weights.
  public let weightsHash: String
  public let profile: ProfileReport?
}
