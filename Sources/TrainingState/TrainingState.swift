// A model and where its training stands, as plain values: training produces them, a checkpoint holds them,
// `--resume` continues from them. How a file spells them is up to `TrainingState+Fields` and Checkpointing.

import GPTModel
import Kernels

/// Everything that a checkpoint says. Generation needs only the first three members.
public struct TrainingSnapshot: Sendable {
  public var configuration: GPTConfiguration
  public var tokenizer: CharacterTokenizer
  /// `ParameterTable(configuration).arenaCount` floats.
  public var weights: FloatArena
  /// Nil for a file with weights only: enough to sample from and to start a training with.
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

  /// How this model's texts begin and end. Without a training state, the alphabet decides: documents are
  /// lines, so a newline means continuous text.
  public var workflow: Workflow {
    training?.configuration.workflow ?? (tokenizer.id(of: "\n") == nil ? .documents : .chunks)
  }
}

/// What `--resume` needs to continue with the same bits. Deliberately excludes the number of ranks.
public struct TrainingState: Sendable {
  public var configuration: TrainingConfiguration
  /// Names the arithmetic of the kernels (`MatrixBackend.kernelFamily`); empty in older files.
  public var kernelFamily = ""
  public var corpus = CorpusIdentity()
  /// The checkpoint whose weights this training began with, as the user named it; empty if they were random.
  public var initialCheckpoint = ""
  public var progress = TrainingProgress()
  /// The optimizer's, in the order of its `momentKeys`, laid out like the weights.
  public var moments: [FloatArena]
  /// Paths of fields that the file lacked, so that their values are guesses: the user may confirm or correct
  /// them. Not stored.
  public var guesses: Set<String> = []

  public init(configuration: TrainingConfiguration, moments: [FloatArena]) {
    self.configuration = configuration
    self.moments = moments
  }

  /// Whether the validations say that there is nothing left to gain: the training ends here, before its last step.
  public var isOutOfPatience: Bool {
    configuration.patience > 0 && progress.validationsSinceBest >= configuration.patience
  }
}

/// Which text a training sees.
public struct CorpusIdentity: Equatable, Sendable {
  /// For people: a file name or `synthetic`.
  public var dataset = ""
  /// Where the file was, absolute; empty in older files. A hint for `--resume`: the hash decides.
  public var path = ""
  /// Of the whole file, 64 hexadecimal digits.
  public var sha256 = ""
  /// Chunks or documents that are trained on.
  public var sequenceCount = 0

  public init(dataset: String = "", path: String = "", sha256: String = "", sequenceCount: Int = 0) {
    self.dataset = dataset
    self.path = path
    self.sha256 = sha256
    self.sequenceCount = sequenceCount
  }
}

/// How far a training has come.
public struct TrainingProgress: Equatable, Sendable {
  /// Updates done.
  public var step = 0
  /// From 1.
  public var epoch = 1
  /// Steps of this epoch that are done.
  public var stepInEpoch = 0
  public var lastLoss = Double.nan
  /// NaN before the first validation.
  public var bestValidationLoss = Double.nan
  /// Validations after the one that found the best loss.
  public package(set) var validationsSinceBest = 0
  /// The step of the last validation; 0 before the first.
  public package(set) var validatedStep = 0
  /// Seconds of training, earlier runs included.
  public var wallSeconds = 0.0
  /// `XXHash64.hexadecimal` of the weights; computed by whoever writes a file.
  public var weightsHash = ""
  /// Whether all ranks had these weights; unknown if saved when other ranks no longer answered.
  public var isCompared = true
  /// Names the supervised run that saved the state; empty otherwise.
  public var run = ""
  /// Losses of the last steps, at least of `longestHistory` if there were so many; the last one is that of `step`.
  public var lossHistory: [Float] = []
  /// Losses that a file keeps.
  public static let longestHistory = 65_536

  public init() {}

  /// Adds the loss of a validation after `step`; a resumed training may repeat its last one.
  /// - Returns: whether it is the best so far.
  package mutating func record(validationLoss loss: Double) -> Bool {
    let isBest = bestValidationLoss.isNaN || loss < bestValidationLoss
    if isBest {
      bestValidationLoss = loss
      validationsSinceBest = 0
    } else if validatedStep != step {
      validationsSinceBest += 1
    }
    validatedStep = step
    return isBest
  }

  /// Adds the loss of a step.
  package mutating func record(loss: Double) {
    lastLoss = loss
    lossHistory.append(Float(loss))
    // Rarely, so that a step costs nothing.
    if lossHistory.count >= 2 * Self.longestHistory {
      lossHistory.removeFirst(lossHistory.count - Self.longestHistory)
    }
  }
}
