// What to generate, and what is reported of it.

import Platform

/// What to generate.
public struct GenerationRequest: Sendable {
  public var workflow: Workflow
  /// Nil means the workflow's default: a newline for text, nothing for documents.
  public var prompt: String?
  public var rules = SamplingRules()
  /// Characters to generate beyond the prompt.
  public var maximumCharacters = 512
  /// A text ends before the first of these that it would contain; none of them empty.
  public var stops: [String] = []
  /// Characters at the beginning of the text that stay in the context when it is full, 0..<T; the rest slides.
  public var keptCharacters = 0
  public var seed: UInt64 = 42
  /// Whether `GenerationEvent.character` says how likely each was.
  public var hasLogProbabilities = false

  public var temperature: Double {
    get { rules.temperature }
    set { rules.temperature = newValue }
  }

  public init(workflow: Workflow) { self.workflow = workflow }
}

/// Why a text ends.
public enum GenerationEnd: String, Sendable {
  /// It has `maximumCharacters`, or a document fills the context.
  case length
  /// It came to one of the stops.
  case stop
  /// The model has ended the document.
  case document
  /// Whoever asked for it wants no more.
  case interrupted
}

/// What happens to a sample.
public enum GenerationEvent: Sendable, Equatable {
  /// It goes on. The logarithm of the probability that the model gives the character after what stands before it, over
  /// all tokens and whatever the sampling rules, in nats; NaN unless asked for.
  case character(Unicode.Scalar, logProbability: Double)
  /// The last event of a sample.
  case end(GenerationEnd)
}
