// Format version 1: every key of a checkpoint, once. Writer, reader and the reader's child process all use
// these tables. The keys are frozen by a fixture in the tests: add new ones, never change one.

import Diagnostics
import GPTModel
import Kernels

enum CheckpointSchema {
  static let formatName = "microgpt-swift-checkpoint"
  static let version = 1

  /// A value outside the training state: sizes and alphabet.
  struct Field {
    let path: String
    let kind: CheckpointValue.Kind
    let isRequired: Bool
  }

  static let modelFields: [Field] = [
    Field(path: "format", kind: .string, isRequired: true),
    Field(path: "format_version", kind: .integer, isRequired: true),
    Field(path: "config/vocab_size", kind: .integer, isRequired: true),
    Field(path: "config/n_embd", kind: .integer, isRequired: true),
    Field(path: "config/n_layer", kind: .integer, isRequired: true),
    Field(path: "config/block_size", kind: .integer, isRequired: true),
    Field(path: "config/n_head", kind: .integer, isRequired: true),
    // One of the two must be there; `CheckpointSchema.tokenizer` sees to it.
    Field(path: "tokenizer/itos", kind: .strings, isRequired: false),
    Field(path: "tokenizer/codepoints", kind: .integers, isRequired: false),
    Field(path: "tokenizer/vocab_size", kind: .integer, isRequired: false),
    Field(path: "tokenizer/bos_id", kind: .integer, isRequired: false),
  ]

  /// A value of the training state. Strings and arrays may be missing, which stands for empty.
  enum TrainingField {
    case integer(String, WritableKeyPath<TrainingState, Int>)
    case flag(String, WritableKeyPath<TrainingState, Bool>)
    case real(String, WritableKeyPath<TrainingState, Double>)
    case string(String, WritableKeyPath<TrainingState, String>)
    case unsignedIntegers(String, WritableKeyPath<TrainingState, [UInt64]>)
    case floats(String, WritableKeyPath<TrainingState, [Float]>)
  }

  static var trainingFields: [TrainingField] {
    [
      .string("optimizer/name", \.optimizer.name),
      .integer("optimizer/step", \.optimizer.step),
      .real("optimizer/beta1", \.optimizer.beta1),
      .real("optimizer/beta2", \.optimizer.beta2),
      .real("optimizer/epsilon", \.optimizer.epsilon),
      .real("optimizer/weight_decay", \.optimizer.weightDecay),
      .real("optimizer/gradient_clip", \.optimizer.gradientClip),
      .string("schedule/kind", \.schedule.kind),
      .real("schedule/peak_learning_rate", \.schedule.peakLearningRate),
      .integer("schedule/warmup_steps", \.schedule.warmupSteps),
      .integer("schedule/total_steps", \.schedule.totalSteps),
      .string("data/workflow", \.data.workflow),
      .string("data/dataset", \.data.dataset),
      .string("data/sha256", \.data.sha256),
      .integer("data/chunk_count", \.data.chunkCount),
      .integer("data/global_batch", \.data.globalBatch),
      .integer("data/microbatch", \.data.microbatch),
      .integer("data/epoch", \.data.epoch),
      .integer("data/step_in_epoch", \.data.stepInEpoch),
      .real("data/validation_fraction", \.data.validationFraction),
      .flag("data/is_shuffled", \.data.isShuffled),
      .string("rng/algorithm", \.random.algorithm),
      .integer("rng/seed", \.random.seed),
      .unsignedIntegers("rng/state", \.random.state),
      .integer("progress/step", \.progress.step),
      .integer("progress/total_steps", \.progress.totalSteps),
      .real("progress/last_loss", \.progress.lastLoss),
      .real("progress/best_validation_loss", \.progress.bestValidationLoss),
      .real("progress/wall_seconds", \.progress.wallSeconds),
      .string("progress/weights_hash", \.progress.weightsHash),
      .string("progress/run", \.progress.run),
      .floats("progress/loss_history", \.progress.lossHistory),
    ]
  }

  /// A file with this dataset can be resumed; it then must have every other part of the training state.
  static let trainingMark = "optimizer/step"

  /// Where the three sets of tensors live; the last two only in a file that can be resumed.
  static let weightsRoot = "model_state"
  static let momentRoots = ["optimizer/m", "optimizer/v"]

  static func tensorPath(_ root: String, _ entry: ParameterTable.Entry) -> String {
    "\(root)/\(entry.path)/weight"
  }

  /// All tensors of a snapshot in file order.
  static func tensors(of snapshot: TrainingSnapshot, _ table: ParameterTable) -> [CheckpointTensor] {
    var sets = [(weightsRoot, snapshot.weights)]
    if let optimizer = snapshot.training?.optimizer {
      sets += zip(momentRoots, [optimizer.m, optimizer.v])
    }
    return sets.flatMap { root, arena in
      table.entries.map { entry in
        CheckpointTensor(
          path: tensorPath(root, entry), rows: entry.rows, columns: entry.columns,
          base: arena.base + entry.offset)
      }
    }
  }
}

extension CheckpointSchema.TrainingField {
  var path: String {
    switch self {
    case .integer(let path, _), .flag(let path, _), .real(let path, _), .string(let path, _),
      .unsignedIntegers(let path, _), .floats(let path, _):
      path
    }
  }

  var kind: CheckpointValue.Kind {
    switch self {
    case .integer, .flag: .integer
    case .real: .real
    case .string: .string
    case .unsignedIntegers: .unsignedIntegers
    case .floats: .floats
    }
  }

  /// Numbers decide how a training goes on, so none may be missing.
  var isRequired: Bool { kind == .integer || kind == .real }

  func value(in state: TrainingState) -> CheckpointValue {
    switch self {
    case .integer(_, let key): .integer(state[keyPath: key])
    case .flag(_, let key): .integer(state[keyPath: key] ? 1 : 0)
    case .real(_, let key): .real(state[keyPath: key])
    case .string(_, let key): .string(state[keyPath: key])
    case .unsignedIntegers(_, let key): .unsignedIntegers(state[keyPath: key])
    case .floats(_, let key): .floats(state[keyPath: key])
    }
  }

  /// - Throws: `InvalidInput` when the value is missing or of another kind.
  func set(_ state: inout TrainingState, from value: CheckpointValue?) throws {
    switch (self, value) {
    case (.integer(_, let key), .integer(let value)): state[keyPath: key] = value
    case (.flag(_, let key), .integer(let value)) where value == 0 || value == 1:
      state[keyPath: key] = value == 1
    case (.real(_, let key), .real(let value)): state[keyPath: key] = value
    case (.string(_, let key), .string(let value)): state[keyPath: key] = value
    case (.unsignedIntegers(_, let key), .unsignedIntegers(let value)): state[keyPath: key] = value
    case (.floats(_, let key), .floats(let value)): state[keyPath: key] = value
    case (.string(_, let key), nil): state[keyPath: key] = ""
    case (.unsignedIntegers(_, let key), nil): state[keyPath: key] = []
    case (.floats(_, let key), nil): state[keyPath: key] = []
    case (_, nil): throw InvalidInput("/\(path) is missing")
    default: throw InvalidInput("/\(path) has a value that is not allowed there")
    }
  }
}
