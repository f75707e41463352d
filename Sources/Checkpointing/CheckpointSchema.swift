// What a checkpoint holds besides the fields of its training state (`TrainingState.fields`): format, sizes,
// alphabet, tensors. Writer, reader and the reader's child process all use these tables. Test fixtures freeze
// the keys: add new ones, never change one.

import Platform
import GPTModel
import Kernels
import TrainingState

package enum CheckpointSchema {
  static let formatName = "microgpt-swift-checkpoint"
  /// Version 2 has `features`. Readers go by those, so a newer file with nothing unknown in it loads.
  static let version = 2

  /// A value outside the training state: sizes and alphabet.
  struct Field {
    let path: String
    let kind: StateValue.Kind
    let isRequired: Bool
  }

  /// Paths of everything but tensors, each once.
  package static var valuePaths: [String] {
    let ofModel = modelFields.map(\.path)
    return ofModel + TrainingState.fields.map(\.path).filter { !ofModel.contains($0) }
  }

  static let modelFields: [Field] = [
    Field(path: "format", kind: .string, isRequired: true),
    Field(path: "format_version", kind: .integer, isRequired: true),
    Field(path: "features", kind: .strings, isRequired: false),
    Field(path: "config/vocab_size", kind: .integer, isRequired: true),
    Field(path: "config/n_embd", kind: .integer, isRequired: true),
    Field(path: "config/n_layer", kind: .integer, isRequired: true),
    Field(path: "config/block_size", kind: .integer, isRequired: true),
    Field(path: "config/n_head", kind: .integer, isRequired: true),
    // One of the two must be present; `CheckpointSchema.tokenizer` checks that.
    Field(path: "tokenizer/itos", kind: .strings, isRequired: false),
    Field(path: "tokenizer/codepoints", kind: .integers, isRequired: false),
    Field(path: "tokenizer/vocab_size", kind: .integer, isRequired: false),
    Field(path: "tokenizer/bos_id", kind: .integer, isRequired: false),
  ]

  /// A file with this dataset can be resumed; it must then have every other part of the training state.
  static let trainingMark = "optimizer/step"

  /// Where the weights are. The moments of a resumable file are laid out the same way.
  package static let weightsRoot = "model_state"
  static func momentRoots(of optimizer: any Optimizer.Type) -> [String] {
    optimizer.momentKeys.map { "optimizer/\($0)" }
  }

  static func tensorPath(_ root: String, _ entry: ParameterTable.Entry) -> String {
    "\(root)/\(entry.path)/weight"
  }

  /// All tensors of a snapshot in file order.
  package static func tensors(of snapshot: TrainingSnapshot, _ table: ParameterTable) -> [CheckpointTensor] {
    var sets = [(weightsRoot, snapshot.weights)]
    if let state = snapshot.training, let optimizer = Optimizers.named(state.configuration.optimizer) {
      sets += zip(momentRoots(of: optimizer), state.moments)
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
