// Texts that the program writes itself, for machines without a network. Not literature: structure that a
// model can learn and chance that it cannot. Every word list and rule here was made for this program.

import Reproducibility

/// A generated corpus, the same bytes on every machine.
public enum SyntheticCorpus: String, CaseIterable, Sendable {
  /// About a megabyte of scenes: speakers in turn, verse lines, agreement, questions and their answers.
  case dialogue
  /// 32,000 different lower-case names, one a line.
  case names

  public var fileName: String { "synthetic-\(rawValue).txt" }

  /// Of `bytes()`, 64 hexadecimal digits. A change of grammar or words changes it, and a test says so.
  public var sha256: String {
    switch self {
    case .dialogue: "f29376efd0afa9476fbf4e4ded3b0d24a37f9a2cadf3e87f29eeaa0d3f8b3fcb"
    case .names: "4389f7aa257882b60b3a8ab6ce49b30ca79c285d67760afde22c1c33fa46b77d"
    }
  }

  /// Makes the text, in some tenths of a second.
  public func bytes() -> [UInt8] {
    switch self {
    case .dialogue:
      var writer = DialogueWriter(random: Philox(seed: 1, purpose: .syntheticCorpus))
      return Array(writer.text(atLeast: 1_000_000).utf8)
    case .names:
      var writer = NameWriter(random: Philox(seed: 2, purpose: .syntheticCorpus))
      return Array(writer.text(count: 32_000).utf8)
    }
  }
}

extension Philox {
  /// One of the choices, all equally likely.
  mutating func pick<Choice>(_ choices: [Choice]) -> Choice { choices[next(below: choices.count)] }

  /// One of the choices, earlier ones likelier: words of a language are not equally common either.
  mutating func pickEarly<Choice>(_ choices: [Choice]) -> Choice {
    choices[min(next(below: choices.count), next(below: choices.count))]
  }

  /// True in so many of a hundred cases.
  mutating func happens(_ percent: Int) -> Bool { next(below: 100) < percent }
}
