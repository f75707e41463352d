// Everything that a checkpoint says, as plain values: training produces it, the checkpoint file holds it,
// generation needs only its first three members. What the file looks like is Checkpointing's business.

import Kernels

/// A model, and where its training stands.
public struct TrainingSnapshot: Sendable {
  public var configuration: GPTConfiguration
  public var tokenizer: CharacterTokenizer
  /// `ParameterTable(configuration).arenaCount` floats.
  public var weights: FloatArena
  /// Nil in a file with weights only: enough to sample from and to begin a training with.
  public var training: TrainingState?

  public init(
    configuration: GPTConfiguration, tokenizer: CharacterTokenizer, weights: FloatArena,
    training: TrainingState? = nil
  ) {
    self.configuration = configuration
    self.tokenizer = tokenizer
    self.weights = weights
    self.training = training
  }
}

/// What `--resume` needs to go on with the same bits. The number of ranks is deliberately not part of it.
public struct TrainingState: Sendable {
  /// Adam after `step` updates.
  public struct Optimizer: Sendable {
    public var name = "adam"
    public var step = 0
    public var beta1 = 0.9
    public var beta2 = 0.98
    public var epsilon = 1e-8
    public var weightDecay = 0.0
    /// Largest norm of a gradient, 0 = no clipping.
    public var gradientClip = 0.0
    /// First and second moments, laid out like the weights.
    public var m: FloatArena
    public var v: FloatArena
    public init(m: FloatArena, v: FloatArena) {
      self.m = m
      self.v = v
    }
  }

  public struct Schedule: Equatable, Sendable {
    /// `cosine` (warm-up, then half a cosine) or `linear` (decay to zero).
    public var kind = "cosine"
    public var peakLearningRate = 3e-4
    public var warmupSteps = 0
    public var totalSteps = 0
    public init() {}
  }

  public struct Data: Equatable, Sendable {
    /// `chunks` of continuous text or `documents`, one a line.
    public var workflow = "chunks"
    /// Where the text came from, for people: a file name or `synthetic`.
    public var dataset = ""
    /// Of the whole corpus file, 64 hexadecimal digits.
    public var sha256 = ""
    /// Chunks or documents that are trained on.
    public var chunkCount = 0
    public var globalBatch = 0
    public var microbatch = 0
    /// From 1.
    public var epoch = 1
    /// Steps of this epoch that are done.
    public var stepInEpoch = 0
    public var validationFraction = 0.0
    public var isShuffled = true
    public init() {}
  }

  public struct Random: Equatable, Sendable {
    public var algorithm = "philox4x32-10"
    public var seed = 0
    /// The generator is counter-based: its state is (seed, epoch, step).
    public var state: [UInt64] = []
    public init() {}
  }

  public struct Progress: Equatable, Sendable {
    public var step = 0
    public var totalSteps = 0
    public var lastLoss = Double.nan
    /// NaN until there was a validation.
    public var bestValidationLoss = Double.nan
    public var wallSeconds = 0.0
    /// `XXHash64.hexadecimal` of the weights.
    public var weightsHash = ""
    /// Names the supervised run that saved the state; empty otherwise.
    public var run = ""
    /// Loss of every step so far.
    public var lossHistory: [Float] = []
    public init() {}
  }

  public var optimizer: Optimizer
  public var schedule = Schedule()
  public var data = Data()
  public var random = Random()
  public var progress = Progress()
  public init(optimizer: Optimizer) { self.optimizer = optimizer }
}
