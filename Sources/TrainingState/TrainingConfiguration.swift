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
  /// Batches of held-out sequences that a validation takes, spread evenly over all of them; 0 = all.
  public var validationBatches = 0
  /// Steps between validations; 0 = after each epoch.
  public var validationInterval = 0
  /// So many validations in a row without a better loss than the best end the training early; 0 = never.
  public var patience = 0
  public var isShuffled = true
  /// The vocabulary comes from the corpus and is known later than the rest.
  public var model = GPTConfiguration(
    unchecked: 2, embeddingSize: 128, layerCount: 4, blockSize: 256, headCount: 4)
  /// How the deviation of each tensor's initial weights follows from the sizes.
  public var initialScheme = InitialScheme.reference
  /// Standard deviation of the initial weights under `InitialScheme.reference`.
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

  /// Held-out sequences that one validation takes.
  /// - Parameter heldOut: how many there are.
  public func validatedCount(of heldOut: Int) -> Int {
    validationBatches == 0 ? heldOut : min(heldOut, validationBatches * globalBatchSize)
  }

  /// `validationBatches` where nobody has chosen: all while they are few, so that a validation costs no more than some
  /// twenty steps however long the text is.
  package func automaticValidationBatches(heldOut: Int) -> Int {
    let enough = max(
      Self.usualValidationBatches * globalBatchSize, Self.fewTargets / model.blockSize)
    return heldOut <= enough ? 0 : (enough + globalBatchSize - 1) / globalBatchSize
  }

  /// A third of their forward and backward passes is as long as 21 steps.
  private static let usualValidationBatches = 64
  /// Small models on short sequences take all in a second.
  private static let fewTargets = 1 << 18
}
