// Text from a model: prompts, samples in lockstep, and texts longer than the context.

import Diagnostics
import Kernels

/// What to generate.
public struct GenerationRequest: Sendable {
  /// How a model's texts begin and end, which follows from what it was trained on.
  public enum Workflow: String, Sendable {
    /// Continuous text: begins with a prompt, ends at `maximumCharacters`.
    case chunks
    /// Documents: begin with BOS, end at BOS or after T characters.
    case documents
  }

  public var workflow: Workflow
  /// Nil is the default of the workflow: a newline for text, nothing for documents.
  public var prompt: String?
  public var temperature = 0.8
  /// Characters to generate beyond the prompt.
  public var maximumCharacters = 512
  public var seed: UInt64 = 42

  public init(workflow: Workflow) { self.workflow = workflow }
}

/// Generates the samples of one request.
///
/// A text that outgrows the context goes on: the last half of the context is encoded again at positions
/// 0…T/2 and generation continues from there.
public final class Generator {
  private let decoder: Decoder
  private let tokenizer: CharacterTokenizer

  /// - Parameter streamCount: most samples that advance together.
  public init(model: PreparedModel, tokenizer: CharacterTokenizer, streamCount: Int = 16) {
    precondition(tokenizer.vocabularySize == model.configuration.vocabularySize)
    self.tokenizer = tokenizer
    decoder = Decoder(
      model: model, streamCount: streamCount,
      maximumRows: max(streamCount, min(64, model.configuration.blockSize)))
  }

  /// One sample on its way.
  private struct Text {
    let sample: Int
    /// Prompt (with BOS for documents) and generated tokens.
    var tokens: [Int32]
    var sampler: Sampler
    var generated = 0
  }

  /// Generates samples `indices` and reports every character as soon as it exists.
  ///
  /// - Parameter emit: sample index and character. Samples of one call are interleaved.
  /// - Throws: `InvalidInput` when the prompt has unknown characters.
  public func generate(
    _ request: GenerationRequest, samples indices: Range<Int>, emit: (Int, Unicode.Scalar) -> Void
  ) throws {
    let start = try startTokens(request)
    for first in stride(from: indices.lowerBound, to: indices.upperBound, by: decoder.streamCount) {
      let batch = first..<min(first + decoder.streamCount, indices.upperBound)
      generate(request, from: start, samples: batch, emit: emit)
    }
  }

  /// The tokens that generation begins with.
  /// - Throws: `InvalidInput`.
  public func startTokens(_ request: GenerationRequest) throws -> [Int32] {
    switch request.workflow {
    case .documents:
      return try [Int32(tokenizer.bosID)] + tokenizer.encode(request.prompt ?? "")
    case .chunks:
      // A corpus of one line has no newline: any character that was trained on is better than BOS.
      let fallback = tokenizer.id(of: "\n") == nil ? String(Character(tokenizer.scalars[0])) : "\n"
      let prompt = request.prompt ?? fallback
      guard !prompt.isEmpty else {
        throw InvalidInput("--prompt is empty; this model continues text: give at least one character")
      }
      return try tokenizer.encode(prompt)
    }
  }

  private func generate(
    _ request: GenerationRequest, from start: [Int32], samples: Range<Int>,
    emit: (Int, Unicode.Scalar) -> Void
  ) {
    let capacity = decoder.model.configuration.blockSize
    let isDocument = request.workflow == .documents
    let limit = isDocument ? min(request.maximumCharacters, capacity) : request.maximumCharacters
    guard limit > 0 else { return }
    // BOS was never a target in continuous text: it must not be drawn there.
    let drawn = isDocument ? tokenizer.vocabularySize : tokenizer.bosID
    var texts = samples.map { sample in
      Text(
        sample: sample, tokens: start,
        sampler: Sampler(
          temperature: request.temperature, seed: request.seed, sample: sample,
          vocabularySize: tokenizer.vocabularySize))
    }
    var active: [Int] = []
    for stream in texts.indices {
      let lastRow = encode(start, stream: stream)
      if draw(&texts[stream], row: lastRow, below: drawn, limit: limit, emit) { active.append(stream) }
    }
    while !active.isEmpty {
      for stream in active where decoder.lengths[stream] == capacity {
        encode(texts[stream].tokens.dropLast().suffix(capacity / 2), stream: stream)
      }
      decoder.advance(
        active.map { Decoder.Row(stream: $0, token: texts[$0].tokens[texts[$0].tokens.count - 1]) })
      var next: [Int] = []
      for (row, stream) in active.enumerated()
      where draw(&texts[stream], row: row, below: drawn, limit: limit, emit) {
        next.append(stream)
      }
      active = next
    }
  }

  /// Puts the last T of `tokens` into an empty stream; the row that holds the logits after the last one.
  @discardableResult
  private func encode(_ tokens: some BidirectionalCollection<Int32>, stream: Int) -> Int {
    decoder.reset(stream: stream)
    let rows = tokens.suffix(decoder.model.configuration.blockSize).map {
      Decoder.Row(stream: stream, token: $0)
    }
    var lastRow = 0
    for first in Swift.stride(from: 0, to: rows.count, by: decoder.maximumRows) {
      let part = rows[first..<min(first + decoder.maximumRows, rows.count)]
      decoder.advance(Array(part))
      lastRow = part.count - 1
    }
    return lastRow
  }

  /// Draws the next token of a text from a row's logits; false when the text ends.
  private func draw(
    _ text: inout Text, row: Int, below count: Int, limit: Int, _ emit: (Int, Unicode.Scalar) -> Void
  ) -> Bool {
    let id = text.sampler.next(decoder.logits(row: row), below: count)
    guard let scalar = tokenizer.scalar(of: id) else { return false }
    text.tokens.append(Int32(id))
    text.generated += 1
    emit(text.sample, scalar)
    return text.generated < limit
  }
}
