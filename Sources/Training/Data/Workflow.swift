// The two ways to train on a text.

/// Raw values are those of the checkpoint's `/data/workflow`.
public enum Workflow: String, CaseIterable, Sendable {
  /// Continuous text cut into chunks of block_size + 1 characters.
  case chunks
  /// One document a line, each between two BOS.
  case documents
}
