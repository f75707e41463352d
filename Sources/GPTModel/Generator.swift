// Text from a model: prompts, samples in lockstep, and texts longer than the context.

import Platform
import Dispatch
import Kernels

/// What to generate.
public struct GenerationRequest: Sendable {
  public var workflow: Workflow
  /// Nil means the workflow's default: a newline for text, nothing for documents.
  public var prompt: String?
  public var temperature = 0.8
  /// Characters to generate beyond the prompt.
  public var maximumCharacters = 512
  public var seed: UInt64 = 42

  public init(workflow: Workflow) { self.workflow = workflow }
}

/// Generates the samples of one request: several in lockstep on each thread.
///
/// When a text outgrows the context, its last half is re-encoded at positions 0…T/2 and generation continues
/// from there. Batching never changes a sample.
public final class Generator: Sendable {
  private let model: PreparedModel
  private let tokenizer: CharacterTokenizer
  private let threads: Int
  /// The most samples that one thread advances together.
  private static let streamsPerThread = 16

  public init(model: PreparedModel, tokenizer: CharacterTokenizer, threads: Int = 1) {
    precondition(tokenizer.vocabularySize == model.configuration.vocabularySize && threads > 0)
    self.model = model
    self.tokenizer = tokenizer
    self.threads = threads
  }

  /// Generates samples `indices` and reports each character as soon as it is drawn.
  ///
  /// - Parameter emit: sample index and character, from any thread; the characters of one sample in order.
  /// - Throws: `InvalidInput` if the prompt has unknown characters.
  public func generate(
    _ request: GenerationRequest, samples indices: Range<Int>,
    emit: @Sendable (Int, Unicode.Scalar) -> Void
  ) throws {
    let start = try startTokens(request)
    let threads = min(threads, indices.count)
    guard threads > 0 else { return }
    let streams = min((indices.count + threads - 1) / threads, Self.streamsPerThread)
    let parts = (0..<threads).map { thread in
      indices.lowerBound + indices.count * thread / threads..<indices.lowerBound
        + indices.count * (thread + 1) / threads
    }
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      let decoder = Decoder(
        model: model, streamCount: streams,
        maximumRows: max(streams, min(64, model.configuration.blockSize)))
      for first in stride(from: parts[thread].lowerBound, to: parts[thread].upperBound, by: streams) {
        let batch = first..<min(first + streams, parts[thread].upperBound)
        generate(request, from: start, samples: batch, with: decoder, emit: emit)
      }
    }
  }

  /// The tokens that generation begins with.
  /// - Throws: `InvalidInput`.
  public func startTokens(_ request: GenerationRequest) throws -> [Int32] {
    switch request.workflow {
    case .documents:
      return try [Int32(tokenizer.bosID)] + tokenizer.encode(request.prompt ?? "")
    case .chunks:
      // A corpus of one line has no newline: any character seen in training is better than BOS.
      let fallback = tokenizer.id(of: "\n") == nil ? String(Character(tokenizer.scalars[0])) : "\n"
      let prompt = request.prompt ?? fallback
      guard !prompt.isEmpty else {
        throw InvalidInput("--prompt is empty; this model continues text: give at least one character")
      }
      return try tokenizer.encode(prompt)
    }
  }

  /// One sample in progress.
  private struct Text {
    let sample: Int
    /// Prompt (with BOS for documents) and generated tokens.
    var tokens: [Int32]
    var sampler: Sampler
    var generated = 0
  }

  private func generate(
    _ request: GenerationRequest, from start: [Int32], samples: Range<Int>,
    with decoder: Decoder, emit: (Int, Unicode.Scalar) -> Void
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
      let lastRow = Self.encode(start, stream: stream, decoder)
      if draw(&texts[stream], decoder.logits(row: lastRow), below: drawn, limit: limit, emit) {
        active.append(stream)
      }
    }
    while !active.isEmpty {
      for stream in active where decoder.lengths[stream] == capacity {
        Self.encode(texts[stream].tokens.dropLast().suffix(capacity / 2), stream: stream, decoder)
      }
      decoder.advance(
        active.map { Decoder.Row(stream: $0, token: texts[$0].tokens[texts[$0].tokens.count - 1]) })
      var next: [Int] = []
      for (row, stream) in active.enumerated()
      where draw(&texts[stream], decoder.logits(row: row), below: drawn, limit: limit, emit) {
        next.append(stream)
      }
      active = next
    }
  }

  /// Restarts a stream with the last T of `tokens`; returns the row whose logits follow the last one.
  @discardableResult
  private static func encode(
    _ tokens: some BidirectionalCollection<Int32>, stream: Int, _ decoder: Decoder
  ) -> Int {
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

  /// Draws the next token of a text from a row's logits; returns false when the text ends.
  private func draw(
    _ text: inout Text, _ logits: UnsafeBufferPointer<Float>, below count: Int, limit: Int,
    _ emit: (Int, Unicode.Scalar) -> Void
  ) -> Bool {
    let id = text.sampler.next(logits, below: count)
    guard let scalar = tokenizer.scalar(of: id) else { return false }
    text.tokens.append(Int32(id))
    text.generated += 1
    emit(text.sample, scalar)
    return text.generated < limit
  }
}
