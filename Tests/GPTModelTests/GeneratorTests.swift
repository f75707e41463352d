// Drawing tokens, and texts that begin, grow beyond the context and end.

import Platform
import Foundation
import GPTModel
import Kernels
import TestSupport
import Synchronization
import Testing

@Suite struct SamplerTests {
  /// Draws from V logits, in memory padded as a model's.
  private func draws(
    _ logits: [Float], temperature: Double, count: Int, below: Int? = nil, seed: UInt64 = 1, sample: Int = 0
  ) -> [Int] {
    let arena = FloatArena(count: (logits.count + 15) / 16 * 16)
    for (index, logit) in logits.enumerated() { arena.base[index] = logit }
    var sampler = Sampler(
      temperature: temperature, seed: seed, sample: sample, vocabularySize: logits.count)
    let buffer = UnsafeBufferPointer(start: UnsafePointer(arena.base), count: logits.count)
    return withExtendedLifetime(arena) {
      (0..<count).map { _ in sampler.next(buffer, below: below ?? logits.count) }
    }
  }

  private let logits: [Float] = (0..<21).map { Float(sin(Double($0) * 1.7) * 2) }

  @Test(arguments: [0.3, 0.8, 1, 2.5]) func frequenciesAreThoseOfSoftmax(temperature: Double) {
    let count = 60_000
    var found = [Int](repeating: 0, count: logits.count)
    for id in draws(logits, temperature: temperature, count: count) { found[id] += 1 }
    let expected = Twin.softmax(logits.map { Double($0) / temperature }).map { $0 * Double(count) }
    // Rare tokens together, so that every cell expects at least 5.
    var (chiSquare, cells) = (0.0, 0)
    var rare = (found: 0.0, expected: 0.0)
    for (found, expected) in zip(found, expected) {
      guard expected >= 5 else {
        rare = (rare.found + Double(found), rare.expected + expected)
        continue
      }
      chiSquare += (Double(found) - expected) * (Double(found) - expected) / expected
      cells += 1
    }
    if rare.expected >= 5 { chiSquare += pow(rare.found - rare.expected, 2) / rare.expected }
    // 20 degrees of freedom at most: beyond 45.3 one time in a thousand.
    #expect(chiSquare < 45.3 && cells > 8, "χ² \(chiSquare) over \(cells) cells")
  }

  @Test func temperatureZeroAndTheSmallestTakeTheFirstOfTheLargest() {
    let tied: [Float] = [0, 3, -1, 3, 2]
    for temperature in [0, Double.leastNonzeroMagnitude, 1e-300, 1e-46] {
      #expect(Set(draws(tied, temperature: temperature, count: 50)) == [1])
    }
    // Small but not nothing: the two largest, both of them.
    #expect(Set(draws(tied, temperature: 1e-3, count: 100)) == [1, 3])
  }

  @Test func seedAndSampleDecide() {
    let first = draws(logits, temperature: 1, count: 100)
    #expect(draws(logits, temperature: 1, count: 100) == first)
    #expect(draws(logits, temperature: 1, count: 100, seed: 2) != first)
    #expect(draws(logits, temperature: 1, count: 100, sample: 1) != first)
  }

  @Test(arguments: [0.0, 0.8, 100]) func idsFromTheLimitOnAreNeverDrawn(temperature: Double) {
    var logits = logits
    logits[20] = 50
    let drawn = draws(logits, temperature: temperature, count: 2_000, below: 20)
    #expect(drawn.allSatisfy { (0..<20).contains($0) })
    #expect(draws(logits, temperature: 0, count: 1) == [20])
  }
}

@Suite struct GeneratorTests {
  private static let alphabet = Array("\nabcdefghi".unicodeScalars)

  private func model(blockSize: Int, characters: Int = 10, seed: Int = 3) throws
    -> (PreparedModel, CharacterTokenizer)
  {
    let sizes = ModelCase(V: characters + 1, C: 12, L: 2, T: blockSize, H: 4, lengths: [])
    let tokenizer = CharacterTokenizer(scalars: Self.alphabet.prefix(characters))
    return (try sizes.twin(seed: seed).model(.simd), tokenizer)
  }

  private func generate(
    _ model: (PreparedModel, CharacterTokenizer), _ request: GenerationRequest, samples: Range<Int>,
    threads: Int
  ) throws -> [String] {
    let texts = Mutex([String.UnicodeScalarView](repeating: .init(), count: samples.count))
    let generator = Generator(model: model.0, tokenizer: model.1, threads: threads)
    try generator.generate(request, samples: samples) { sample, character in
      texts.withLock { $0[sample - samples.lowerBound].append(character) }
    }
    return texts.withLock { $0 }.map { String($0) }
  }

  /// The same rule without a cache: the full forward pass over the window, for every character.
  private func naive(
    _ model: (PreparedModel, CharacterTokenizer), prompt: String, count: Int, keeping kept: Int = 0
  ) throws -> String {
    let T = model.0.configuration.blockSize
    let workspace = SequenceWorkspace(model.0.configuration)
    let tokens = try model.1.encode(prompt)
    var window = Array(tokens.prefix(kept) + tokens.dropFirst(kept).suffix(T - kept))
    var text = String.UnicodeScalarView()
    for _ in 0..<count {
      model.0.forward(window, rows: window.count, workspace)
      let logits = workspace.copyLogits(rows: window.count).suffix(model.1.vocabularySize).dropLast()
      let largest = try #require(logits.max())
      let id = try #require(logits.firstIndex(of: largest)) - logits.startIndex
      text.append(try #require(model.1.scalar(of: id)))
      if window.count == T {
        window = Array(window.prefix(kept) + window.dropFirst(kept).suffix((T - kept) / 2))
      }
      window.append(Int32(id))
    }
    return String(text)
  }

  @Test(arguments: [1, 2, 3, 8, 33])
  func textsBeyondTheContextAreThoseOfTheFullForwardPass(blockSize: Int) throws {
    let model = try model(blockSize: blockSize)
    // Shorter than the context, as long, longer, and longer than the rows of one advance.
    for length in [1, blockSize, blockSize + 1, 3 * blockSize + 70] {
      let prompt = String((0..<length).map { Character(Self.alphabet[$0 * $0 % 7]) })
      var request = GenerationRequest(workflow: .chunks)
      request.temperature = 0
      request.maximumCharacters = 3 * blockSize + 5
      request.prompt = prompt
      let found = try generate(model, request, samples: 0..<1, threads: 1)
      let expected = try naive(model, prompt: prompt, count: request.maximumCharacters)
      #expect(found == [expected], "prompt of \(length)")
    }
  }

  @Test(arguments: [1, 4, 7]) func keptCharactersStayInTheContext(kept: Int) throws {
    let model = try model(blockSize: 8)
    for length in [1, 5, 8, 9, 30] {
      var request = GenerationRequest(workflow: .chunks)
      request.temperature = 0
      request.maximumCharacters = 40
      request.keptCharacters = kept
      request.prompt = String((0..<length).map { Character(Self.alphabet[$0 * $0 % 7]) })
      let found = try generate(model, request, samples: 0..<1, threads: 1)
      let expected = try naive(model, prompt: request.prompt ?? "", count: 40, keeping: kept)
      #expect(found == [expected], "prompt of \(length)")
    }
    var request = GenerationRequest(workflow: .chunks)
    request.keptCharacters = 8
    let error = #expect(throws: InvalidInput.self) {
      try generate(model, request, samples: 0..<1, threads: 1)
    }
    #expect(error?.message.contains("allowed: 0 to 7") == true)
  }

  /// Events of samples, by sample.
  private func events(
    _ model: (PreparedModel, CharacterTokenizer), _ request: GenerationRequest, samples: Range<Int>,
    threads: Int = 1, isCancelled: @Sendable () -> Bool = { false }
  ) throws -> [[GenerationEvent]] {
    let events = Mutex([[GenerationEvent]](repeating: [], count: samples.count))
    let generator = Generator(model: model.0, tokenizer: model.1, threads: threads)
    try generator.generate(request, samples: samples, isCancelled: isCancelled) { sample, event in
      events.withLock { $0[sample - samples.lowerBound].append(event) }
    }
    return events.withLock { $0 }
  }

  /// Whatever the sampling rules, the model's own opinion, as a full forward pass has it.
  @Test func logProbabilitiesAreThoseOfTheFullForwardPass() throws {
    let model = try model(blockSize: 33)
    var request = GenerationRequest(workflow: .chunks)
    request.maximumCharacters = 20
    request.hasLogProbabilities = true
    request.rules.topK = 4
    request.rules.repeatPenalty = 1.5
    request.prompt = "abc"
    let workspace = SequenceWorkspace(model.0.configuration)
    for sample in try events(model, request, samples: 0..<3) {
      var tokens = try model.1.encode("abc")
      for case .character(let scalar, let logProbability) in sample {
        let id = Int32(try #require(model.1.id(of: scalar)))
        let before = model.0.leafLoss([tokens], workspace)
        tokens.append(id)
        let loss = model.0.leafLoss([tokens], workspace) - before
        #expect(abs(loss + logProbability) < 1e-9)
      }
      #expect(tokens.count == 23 && sample.last == .end(.length))
    }
    request.hasLogProbabilities = false
    for case .character(_, let logProbability) in try events(model, request, samples: 0..<1)[0] {
      #expect(logProbability.isNaN)
    }
  }

  @Test func aTextEndsBeforeItsStop() throws {
    let model = try model(blockSize: 9)
    var request = GenerationRequest(workflow: .chunks)
    request.maximumCharacters = 200
    request.temperature = 1.5
    let whole = try generate(model, request, samples: 0..<8, threads: 1)
    request.stops = ["ab", "h\ni", "e", "cc"]
    let cut = try events(model, request, samples: 0..<8, threads: 3)
    var stopped = 0
    for (text, events) in zip(whole, cut) {
      let found = events.reduce(into: "") {
        if case .character(let scalar, _) = $1 { $0.unicodeScalars.append(scalar) }
      }
      let ends = request.stops.compactMap { text.firstRange(of: $0)?.lowerBound }
      if let end = ends.min() {
        stopped += 1
        #expect(found == text[..<end] && events.last == .end(.stop))
      } else {
        #expect(found == text && events.last == .end(.length))
      }
    }
    #expect(stopped > 3 && stopped <= 8)
    request.stops = ["Ω"]
    let error = #expect(throws: InvalidInput.self) { try events(model, request, samples: 0..<1) }
    #expect(error?.message.contains("--stop 'Ω' has characters that this checkpoint does not know") == true)
  }

  @Test func whoeverWantsNoMoreGetsTheEnd() throws {
    let model = try model(blockSize: 9)
    var request = GenerationRequest(workflow: .chunks)
    request.maximumCharacters = 1_000_000_000
    let asked = Atomic<Int>(0)
    let found = try events(model, request, samples: 0..<2) {
      asked.wrappingAdd(1, ordering: .relaxed).oldValue >= 10
    }
    #expect(found.allSatisfy { $0.count == 12 && $0.last == .end(.interrupted) })
  }

  @Test(arguments: [Workflow.chunks, .documents])
  func samplesTogetherAreThoseAlone(workflow: Workflow) throws {
    let model = try model(blockSize: 9)
    var request = GenerationRequest(workflow: workflow)
    request.maximumCharacters = 40
    let together = try generate(model, request, samples: 0..<20, threads: 1)
    for sample in [0, 3, 15, 16, 19] {
      #expect(try generate(model, request, samples: sample..<sample + 1, threads: 1) == [together[sample]])
    }
    #expect(Set(together).count > 10)
    #expect(try generate(model, request, samples: 0..<20, threads: 4) == together)
  }

  @Test func continuousTextNeverEndsInBOS() throws {
    // One character and BOS, of equal chances before training: BOS would end a text at once.
    let model = try model(blockSize: 4, characters: 2)
    var request = GenerationRequest(workflow: .chunks)
    request.temperature = 5
    request.maximumCharacters = 300
    for text in try generate(model, request, samples: 0..<5, threads: 4) {
      #expect(text.unicodeScalars.count == 300)
    }
  }

  @Test func documentsEndAtBOSOrAtTheContext() throws {
    let model = try model(blockSize: 6, characters: 4)
    var request = GenerationRequest(workflow: .documents)
    request.temperature = 3
    let lengths = try generate(model, request, samples: 0..<200, threads: 1).map(\.unicodeScalars.count)
    #expect(Set(lengths).isSubset(of: 0...6) && Set(lengths).count > 3)
    request.maximumCharacters = 2
    #expect(
      try generate(model, request, samples: 0..<50, threads: 3).allSatisfy { $0.unicodeScalars.count <= 2 })
  }

  @Test func promptsAreChecked() throws {
    let model = try model(blockSize: 4)
    let generator = Generator(model: model.0, tokenizer: model.1)
    var request = GenerationRequest(workflow: .chunks)
    #expect(try generator.startTokens(request) == [0])
    request.prompt = ""
    #expect(throws: InvalidInput.self) { try generator.startTokens(request) }
    request.prompt = "abXYX"
    let error = #expect(throws: InvalidInput.self) { try generator.startTokens(request) }
    #expect(error?.message.contains("does not know: X Y;") == true)
    #expect(error?.message.hasSuffix("its alphabet is \\n a b c d e f g h i") == true)
    request.workflow = .documents
    request.prompt = ""
    #expect(try generator.startTokens(request) == [10])
  }
}
