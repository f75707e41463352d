// `--score`: the figures of a text, and on a terminal the text itself, coloured by surprise.

import CheckpointTools
import CommandLineOptions
import Foundation
import GPTModel
import Platform

enum ScoreReport {
  /// Bytes of a text that is scored in one go.
  private static let mostBytes = 256 << 20

  /// - Throws: `InvalidInput` naming the text or the option.
  static func run(_ options: ParsedOptions, file: String) throws {
    let model = try ModelChoice.model(options)
    let blockSize = model.configuration.blockSize
    let stride = options[SamplerOptions.stride] ?? max(1, blockSize / 2)
    guard stride <= blockSize else {
      throw InvalidInput("--stride \(stride) is longer than this model's context; allowed: 1 to \(blockSize)")
    }
    let text = try ScoredText(
      TextInput.read(file, for: "--score", limit: mostBytes), name: file == "-" ? "standard input" : file,
      tokenizer: model.tokenizer, workflow: model.workflow)
    var pace = ProgressPace()
    let score = TextScore(
      text, model, stride: stride, threads: options[SamplerOptions.threads] ?? Machine.usableProcessorCount
    ) { done in
      if let left = pace.secondsLeft(done) {
        StandardStream.error.line(
          "scoring: \(Int(done * 100)) %, \(Readable.duration(seconds: left)) left")
      }
    }
    if options[SamplerOptions.json] {
      JSONLines.write(json(text, score, model))
      return
    }
    if let colors = SurpriseColors.ofStandardOutput {
      StandardStream.output.pass(Array((colors.shown(text, score, model.tokenizer) + "\n").utf8))
    }
    try StandardStream.output.document(table(text, score).joined(separator: "\n"))
  }

  static func table(_ text: ScoredText, _ score: TextScore) -> [String] {
    let nats = score.natsPerCharacter
    let ends = text.workflow == .documents ? text.sequences.count : 0
    let characters = Readable.count(score.losses.count - ends, "character")
    return CheckpointReport.leftAligned([
      ["text", text.name],
      ["predicted", characters + (ends > 0 ? " and \(Readable.count(ends, "end")) of documents" : "")],
      ["loss", "\(Readable.fixed(nats, digits: 4)) nats a character"],
      ["bits a character", Readable.fixed(nats / log(2), digits: 4)],
      ["perplexity", Readable.fixed(exp(nats), digits: 4)],
      [
        "windows",
        "\(Readable.grouped(score.windowCount)) of \(score.blockSize) characters, \(score.stride) apart",
      ],
      ["context", "\(score.blockSize - score.stride + 1) characters or more, where there are so many"],
    ])
  }

  static func json(_ text: ScoredText, _ score: TextScore, _ model: LoadedModel) -> JSONText {
    let nats = score.natsPerCharacter
    return .object(
      [
        ("text", .string(text.name)), ("predicted", .integer(score.losses.count)),
        ("nats", .real(score.nats)),
        ("nats_per_character", .real(nats)), ("bits_per_character", .real(nats / log(2))),
        ("perplexity", .real(exp(nats))), ("block_size", .integer(score.blockSize)),
        ("stride", .integer(score.stride)), ("windows", .integer(score.windowCount)),
        ("log_probabilities", .array(score.losses.map { .real(-$0) })),
      ] + model.facts)
  }
}

/// When to say how far something is: after two seconds, then every ten.
struct ProgressPace {
  private let begin = monotonicSeconds()
  private var lineAfter = 2.0

  /// - Returns: seconds left, if a line is due.
  mutating func secondsLeft(_ done: Double) -> Double? {
    let elapsed = monotonicSeconds() - begin
    guard elapsed >= lineAfter, done > 0, done < 1 else { return nil }
    lineAfter = elapsed + 10
    return elapsed / done * (1 - done)
  }
}
