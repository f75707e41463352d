// Text from a model: prompts, samples in lockstep, and texts longer than the context.

import Platform
import Dispatch
import Kernels

/// Generates the samples of one request: several in lockstep on each thread.
///
/// When a text outgrows the context of T, what is to be kept (`keptCharacters`, K) and the last half of the rest are
/// re-encoded at positions 0…K + (T − K)/2 and generation continues from there: positions are learned, so a cache cannot
/// be shifted, and halving makes re-encoding rare (llama.cpp's `--keep` discards as much). Batching never changes a
/// sample.
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
  /// - Throws: `InvalidInput` as `startTokens`.
  public func generate(
    _ request: GenerationRequest, samples indices: Range<Int>,
    emit: @Sendable (Int, Unicode.Scalar) -> Void
  ) throws {
    try generate(request, samples: indices) { sample, event in
      if case .character(let scalar, _) = event { emit(sample, scalar) }
    }
  }

  /// Generates samples `indices` and reports what happens to each.
  ///
  /// - Parameters:
  ///   - isCancelled: asked before each character, from any thread.
  ///   - report: sample index and event, from any thread; the events of one sample in order.
  /// - Throws: `InvalidInput` as `startTokens`.
  public func generate(
    _ request: GenerationRequest, samples indices: Range<Int>,
    isCancelled: @Sendable () -> Bool = { false }, report: @Sendable (Int, GenerationEvent) -> Void
  ) throws {
    let start = try startTokens(request)
    guard !indices.isEmpty else { return }
    let threads = min(threads, indices.count)
    let threadsPerText = self.threads / threads
    let streams = min((indices.count + threads - 1) / threads, Self.streamsPerThread)
    let parts = (0..<threads).map { thread in
      indices.lowerBound + indices.count * thread / threads..<indices.lowerBound
        + indices.count * (thread + 1) / threads
    }
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      let decoder = Decoder(
        model: model, streamCount: streams,
        maximumRows: max(streams, min(64, model.configuration.blockSize)), threads: threadsPerText)
      for first in stride(from: parts[thread].lowerBound, to: parts[thread].upperBound, by: streams) {
        let batch = first..<min(first + streams, parts[thread].upperBound)
        generate(
          request, from: start, samples: batch, with: decoder, isCancelled: isCancelled, report: report)
      }
    }
  }

  /// The tokens that generation begins with.
  /// - Throws: `InvalidInput` naming a prompt or a stop with characters that the model does not know, or what it cannot
  ///   keep.
  public func startTokens(_ request: GenerationRequest) throws -> [Int32] {
    for stop in request.stops { _ = try tokenizer.encode(stop, named: "--stop '\(visible(stop))'") }
    let blockSize = model.configuration.blockSize
    guard (0..<blockSize).contains(request.keptCharacters) else {
      throw InvalidInput(
        "--context keep=\(request.keptCharacters) leaves no room in this model's context of "
          + "\(Readable.count(blockSize, "character")); allowed: 0 to \(blockSize - 1)")
    }
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
    var stops: StopMatcher
    var generated = 0
  }

  /// What decides how the texts of a request go on.
  private struct Course {
    /// BOS was never a target in continuous text: it must not be drawn there.
    let drawn: Int
    let limit: Int
    /// Of the prompt, what is no character: BOS.
    let firstCharacter: Int
    let repeatLast: Int
    let hasLogProbabilities: Bool
  }

  private func generate(
    _ request: GenerationRequest, from start: [Int32], samples: Range<Int>,
    with decoder: Decoder, isCancelled: () -> Bool, report: (Int, GenerationEvent) -> Void
  ) {
    let capacity = decoder.model.configuration.blockSize
    let isDocument = request.workflow == .documents
    let last = request.rules.repeatLastCount
    let course = Course(
      drawn: isDocument ? tokenizer.vocabularySize : tokenizer.bosID,
      limit: isDocument ? min(request.maximumCharacters, capacity) : request.maximumCharacters,
      firstCharacter: isDocument ? 1 : 0, repeatLast: last < 0 ? capacity : last,
      hasLogProbabilities: request.hasLogProbabilities)
    guard course.limit > 0 else {
      for sample in samples { report(sample, .end(.length)) }
      return
    }
    var texts = samples.map { sample in
      Text(
        sample: sample, tokens: start,
        sampler: Sampler(
          rules: request.rules, seed: request.seed, sample: sample,
          vocabularySize: tokenizer.vocabularySize), stops: StopMatcher(request.stops))
    }
    var active: [Int] = []
    for stream in texts.indices {
      let lastRow = Self.encode(start[...], keeping: request.keptCharacters, stream: stream, decoder)
      if draw(&texts[stream], decoder.logits(row: lastRow), course, report) { active.append(stream) }
    }
    while !active.isEmpty {
      if isCancelled() {
        for stream in active { end(&texts[stream], .interrupted, report) }
        return
      }
      let kept = request.keptCharacters
      for stream in active where decoder.lengths[stream] == capacity {
        let rest = texts[stream].tokens.dropLast()
        Self.encode(
          rest.prefix(kept) + rest.dropFirst(kept).suffix((capacity - kept) / 2), stream: stream, decoder)
      }
      decoder.advance(
        active.map { Decoder.Row(stream: $0, token: texts[$0].tokens[texts[$0].tokens.count - 1]) })
      var next: [Int] = []
      for (row, stream) in active.enumerated()
      where draw(&texts[stream], decoder.logits(row: row), course, report) { next.append(stream) }
      active = next
    }
  }

  /// Restarts a stream with those of `tokens` that fit: the first `kept` and the last of the rest.
  ///
  /// - Returns: the row whose logits follow the last one.
  @discardableResult
  private static func encode(
    _ tokens: ArraySlice<Int32>, keeping kept: Int = 0, stream: Int, _ decoder: Decoder
  ) -> Int {
    decoder.reset(stream: stream)
    let rest = tokens.dropFirst(kept).suffix(decoder.model.configuration.blockSize - kept)
    let rows = (tokens.prefix(kept) + rest).map { Decoder.Row(stream: stream, token: $0) }
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
    _ text: inout Text, _ logits: UnsafeBufferPointer<Float>, _ course: Course,
    _ report: (Int, GenerationEvent) -> Void
  ) -> Bool {
    let recent = text.tokens.dropFirst(course.firstCharacter).suffix(course.repeatLast)
    let id = text.sampler.next(logits, below: course.drawn, recent: recent)
    guard let scalar = tokenizer.scalar(of: id) else {
      end(&text, .document, report)
      return false
    }
    let logProbability =
      course.hasLogProbabilities ? text.sampler.logProbability(of: id, logits) : Double.nan
    text.tokens.append(Int32(id))
    text.generated += 1
    let (passed, isStopped) = text.stops.take(.init(scalar: scalar, logProbability: logProbability))
    for character in passed {
      report(text.sample, .character(character.scalar, logProbability: character.logProbability))
    }
    if isStopped {
      report(text.sample, .end(.stop))
      return false
    }
    guard text.generated < course.limit else {
      end(&text, .length, report)
      return false
    }
    return true
  }

  /// Ends a text that has come to no stop.
  private func end(_ text: inout Text, _ reason: GenerationEnd, _ report: (Int, GenerationEvent) -> Void) {
    for character in text.stops.flush() {
      report(text.sample, .character(character.scalar, logProbability: character.logProbability))
    }
    report(text.sample, .end(reason))
  }
}
