// A model to sample from or to score with, and what is known of the state that it was saved in.

import Checkpointing
import GPTModel
import Platform
import TrainingState

struct LoadedModel: Sendable {
  let path: String
  let configuration: GPTConfiguration
  let tokenizer: CharacterTokenizer
  let workflow: Workflow
  let model: PreparedModel
  let weightsHash: String
  /// Nil for a file with weights only.
  let progress: TrainingProgress?
  let totalSteps: Int?

  /// - Throws: `InvalidInput` naming the file and what is wrong with it.
  init(_ path: String, using reader: ContainedReader = ContainedReader()) throws {
    let snapshot = try CheckpointFile.read(path, using: reader)
    self.path = path
    configuration = snapshot.configuration
    tokenizer = snapshot.tokenizer
    workflow = snapshot.workflow
    model = PreparedModel(configuration: configuration, weights: snapshot.weights, isTraining: false)
    model.prepareAll()
    weightsHash = ParameterTable(configuration).weightsHash(of: snapshot.weights)
    progress = snapshot.training?.progress
    totalSteps = snapshot.training?.configuration.totalSteps
  }

  /// `step 1,200 of 1,830, loss 1.5312, validation loss 1.6340`
  var stateWords: String {
    guard let progress, let totalSteps else { return "weights only" }
    var words = ["step \(Readable.grouped(progress.step)) of \(Readable.grouped(totalSteps))"]
    if progress.lastLoss.isFinite { words.append("loss \(Readable.fixed(progress.lastLoss, digits: 4))") }
    if progress.bestValidationLoss.isFinite {
      words.append("best validation \(Readable.fixed(progress.bestValidationLoss, digits: 4))")
    }
    return words.joined(separator: ", ")
  }

  /// What tells programs which state it is.
  var facts: [(String, JSONText)] {
    [("checkpoint", .string(path)), ("weights_hash", .string(weightsHash))]
      + (progress.map { [("step", .integer($0.step))] } ?? [])
  }
}
