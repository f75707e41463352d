// A text as the sequences that a model predicts, and what came of it.

import CommandLineOptions
import GPTModel
import Platform

struct ScoredText: Sendable {
  /// Tokens; all but the first of each sequence are predicted.
  let sequences: [[Int32]]
  /// For people: what the text is.
  let name: String
  let workflow: Workflow

  /// Continuous text is one sequence, whose first character nothing predicts. Documents are lines without the white space
  /// around them, each between two BOS, as in a training; BOS predicts the first character, and the end is predicted, too.
  ///
  /// - Throws: `InvalidInput` naming a character that the model does not know, and where it is; or that nothing is left
  ///   to predict.
  init(_ text: String, name: String, tokenizer: CharacterTokenizer, workflow: Workflow) throws {
    self.name = name
    self.workflow = workflow
    var sequences: [[Int32]] = []
    var tokens: [Int32] = []
    var unknown: UnknownCharacter?
    var (line, column) = (1, 0)
    func take(_ scalar: Unicode.Scalar) {
      column += 1
      if let id = tokenizer.id(of: scalar) {
        tokens.append(Int32(id))
      } else if unknown == nil {
        unknown = UnknownCharacter(scalar: scalar, line: line, column: column)
      }
    }
    switch workflow {
    case .chunks:
      for scalar in text.unicodeScalars {
        take(scalar)
        if scalar == "\n" { (line, column) = (line + 1, 0) }
      }
      sequences = [tokens]
    case .documents:
      let bos = Int32(tokenizer.bosID)
      for whole in Self.lines(of: text) {
        let blanks = whole.prefix { $0.properties.isWhitespace }.count
        let document = whole.dropFirst(blanks).reversed().drop { $0.properties.isWhitespace }.reversed()
        column = blanks
        tokens = [bos]
        for scalar in document { take(scalar) }
        if tokens.count > 1 { sequences.append(tokens + [bos]) }
        line += 1
      }
    }
    if let unknown {
      throw InvalidInput(
        "\(name): this checkpoint does not know \(quoted(String(Character(unknown.scalar)))) "
          + "(U+\(Self.hexadecimal(unknown.scalar))) in line \(unknown.line), column \(unknown.column); "
          + "its alphabet is \(tokenizer.alphabet)")
    }
    guard sequences.contains(where: { $0.count > 1 }) else {
      throw InvalidInput(
        "\(name) has nothing to predict; give a text of at least \(workflow == .chunks ? "2 characters" : "one line")"
      )
    }
    self.sequences = sequences
  }

  /// Lines end as on Unix, Windows or old Macs.
  private static func lines(of text: String) -> [Substring.UnicodeScalarView] {
    let unified = text.replacing("\r\n", with: "\n").unicodeScalars
    return unified.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r" }
  }

  private struct UnknownCharacter {
    let scalar: Unicode.Scalar
    let line: Int
    let column: Int
  }

  private static func hexadecimal(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}

/// What a model thinks of a text.
struct TextScore: Sendable {
  /// Of each predicted token, in nats.
  let losses: [Double]
  let windowCount: Int
  let stride: Int
  let blockSize: Int

  init(
    _ text: ScoredText, _ model: LoadedModel, stride: Int, threads: Int,
    onProgress: (Double) -> Void = { _ in }
  ) {
    let result = TextScorer(model: model.model, stride: stride, threads: threads)
      .losses(text.sequences, onProgress: onProgress)
    losses = result.values
    windowCount = result.windowCount
    self.stride = stride
    blockSize = model.configuration.blockSize
  }

  /// In the order of the text, whichever thread has found which part.
  var nats: Double { losses.reduce(0, +) }
  var natsPerCharacter: Double { nats / Double(losses.count) }
}
