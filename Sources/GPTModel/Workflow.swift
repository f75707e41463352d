// The two kinds of text that a model is trained on and therefore writes.

/// Raw values are those of the checkpoint's `/data/workflow`.
public enum Workflow: String, CaseIterable, Sendable {
  /// Continuous text, cut into chunks of T + 1 characters: begins with a prompt, ends at a given length.
  case chunks
  /// Documents, one per line, each between two BOS: end at BOS or after T characters.
  case documents
}
