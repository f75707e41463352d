// Everything that determines the weights. How a run is carried out is in `RunSettings`, in Training.

import GPTModel
import Kernels
import Reduction

/// The mathematics of a training: with the corpus, it determines every bit of the weights after each step.
/// The number of ranks, hosts and threads is deliberately not here.
///
/// Each member is a row of `SettingsTable` or of `TrainingState.fields`. The values here are those with which
/// MicroGPT.jl trains karpathy's microgpt on Shakespeare; a preset names what differs.
public struct TrainingConfiguration: Equatable, Sendable {
  public var workflow = Workflow.chunks
  /// Fraction of the corpus that is held out.
  public var validationFraction = 0.0
  public var isShuffled = true
  /// The vocabulary comes from the corpus and is known later than the rest.
  public var model = GPTConfiguration(
    unchecked: 2, embeddingSize: 128, layerCount: 4, blockSize: 256, headCount: 4)
  /// Standard deviation of the initial weights.
  public var initialDeviation = 0.08
  /// Sequences of one step, over all ranks.
  public var globalBatchSize = 32
  /// Sequences of one leaf of the reduction tree.
  public var microbatchSize = 4
  /// To which format every node of that tree is rounded.
  public var reductionPrecision = ReductionPrecision.float32
  /// The length depends on the corpus and is known later than the rest.
  public var schedule = LearningRateSchedule.cosine(peak: 3e-4, warmupFraction: 0, totalSteps: 1)
  /// A name in `Optimizers.all`.
  public var optimizer = AdamOptimizer.name
  /// Decay of the first moment; the momentum of optimizers that have only that.
  public var beta1 = 0.9
  public var beta2 = 0.98
  public var epsilon = 1e-8
  /// Decoupled weight decay (Loshchilov & Hutter, 2019); 0 = none.
  public var weightDecay = 0.0
  /// Largest norm of a gradient; 0 = no clipping.
  public var gradientClip = 0.0
  /// Seed of everything random; the generators take its bits.
  public var seed = 42
  /// Kernels of the linear layers; nil means the best in this build.
  public var matmul: MatrixBackend?

  /// The longest training: half a year of the smallest model. Products with a batch stay within 64 bits.
  public static let mostSteps = 1_000_000_000_000

  public init() {}

  public var backend: MatrixBackend { matmul ?? .automatic }
  public var randomSeed: UInt64 { UInt64(bitPattern: Int64(seed)) }
  /// L, the leaves of a step's reduction tree.
  public var leafCount: Int { (globalBatchSize + microbatchSize - 1) / microbatchSize }
  public var totalSteps: Int { schedule.totalSteps }
}
