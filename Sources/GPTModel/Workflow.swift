// The two kinds of text that a model is trained on, and so the two kinds that it writes.

/// Raw values are those of the checkpoint's `/data/workflow`.
public enum Workflow: String, CaseIterable, Sendable {
  /// Continuous text, cut into chunks of T + 1 characters: begins with a prompt, ends where it is told to.
  case chunks
  /// Documents, one a line, each between two BOS: end at BOS or after T characters.
  case documents
}
