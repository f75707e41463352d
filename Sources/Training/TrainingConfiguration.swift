// Everything that decides the weights, and apart from it what only decides how a run looks.

import GPTModel
import Kernels

/// The mathematics of a training: with the corpus and the build's kernel family, it determines every bit of the
/// weights after every step. The number of ranks, hosts and threads is deliberately not here.
public struct TrainingConfiguration: Equatable, Sendable {
  public var model: GPTConfiguration
  public var workflow: Workflow
  /// Sequences of one step, over all ranks.
  public var globalBatchSize: Int
  /// Sequences of one leaf of the reduction tree.
  public var microbatchSize: Int
  public var schedule: LearningRateSchedule
  public var beta1: Double
  public var beta2: Double
  public var epsilon = 1e-8
  /// Decoupled weight decay; 0 is plain Adam.
  public var weightDecay = 0.0
  /// Largest norm of a gradient; 0 = no clipping.
  public var gradientClip = 0.0
  public var seed: UInt64
  /// Standard deviation of the initial weights.
  public var initialDeviation = 0.08
  public var isShuffled = true
  public var validationFraction = 0.0
  public var backend = MatrixBackend.automatic

  public init(
    model: GPTConfiguration, workflow: Workflow, globalBatchSize: Int, microbatchSize: Int,
    schedule: LearningRateSchedule, beta1: Double, beta2: Double, seed: UInt64
  ) {
    self.model = model
    self.workflow = workflow
    self.globalBatchSize = globalBatchSize
    self.microbatchSize = microbatchSize
    self.schedule = schedule
    self.beta1 = beta1
    self.beta2 = beta2
    self.seed = seed
  }

  /// L, the leaves of a step's reduction tree.
  public var leafCount: Int { (globalBatchSize + microbatchSize - 1) / microbatchSize }
  public var totalSteps: Int { schedule.totalSteps }
}

/// How a run goes about it: nothing here changes a weight.
public struct RunSettings: Equatable, Sendable {
  /// Threads of this rank.
  public var threads = 1
  /// Stop after this step, without changing the schedule; nil = go to the end.
  public var lastStep: Int?
  /// Steps between log lines; 0 = off, as for all intervals.
  public var logInterval = 10
  public var checkpointInterval = 0
  public var sampleInterval = 0
  /// Steps between comparisons of the weights' hash across ranks.
  public var hashInterval = 0
  /// Written into checkpoints; tells those of this run, restarts included, from older ones.
  public var runIdentifier = ""
  /// Measure where the time goes.
  public var isProfiled = false
  public init() {}
}
