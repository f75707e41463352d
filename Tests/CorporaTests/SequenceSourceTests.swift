// Chunks and documents against slices of the same text held in memory.

import CorpusFiles
import Platform
import GPTModel
import CorpusSupport
import TestSupport
import Testing

@testable import Corpora

@Suite struct Chunks {
  private static let ascii = String(repeating: "The quick brown fox. ", count: 130)
  private static let mixed = String(repeating: "Zwölf Boxkämpfer 日本 🎭; ", count: 130)

  @Test(arguments: [ascii, mixed], [1, 2, 7, 256, 511, 512, 513, 2_000])
  func everyChunkIsItsSlice(_ text: String, _ blockSize: Int) throws {
    let corpus = try TestCorpus(text, .chunks)
    let source = try corpus.chunks(blockSize)
    let scalars = Array(text.unicodeScalars)
    var starts: [Int] = []
    var start = 0
    while start + blockSize + 1 <= scalars.count {
      starts.append(start)
      start += blockSize
    }
    #expect(source.count == starts.count)
    for (number, start) in starts.enumerated() {
      let slice = String(String.UnicodeScalarView(scalars[start...start + blockSize]))
      #expect(try corpus.text(source, number) == slice)
    }
  }

  @Test func ranges() throws {
    let corpus = try TestCorpus("aä0123456789", .chunks)
    let source = try corpus.chunks(3, range: 2..<12)
    #expect(source.count == 3)
    #expect(try corpus.text(source, 0) == "0123")
    #expect(try corpus.text(source, 2) == "6789")
    #expect(try corpus.chunks(3, range: 2..<5).count == 0)
  }

  @Test func counts() {
    for (characters, blockSize, count) in [
      (0, 1, 0), (1, 1, 0), (2, 1, 1), (3, 1, 2), (257, 256, 1), (256, 256, 0),
    ] {
      #expect(ChunkSource.chunkCount(characters: characters, blockSize: blockSize) == count)
    }
  }

  @Test func carriageReturnsAreCharacters() throws {
    let corpus = try TestCorpus("a\r\nb\r\n", .chunks)
    #expect(corpus.scan.tokenizer.vocabularySize == 5)
    #expect(try corpus.text(corpus.chunks(5), 0) == "a\r\nb\r\n")
  }

  @Test func theModelMustKnowTheAlphabet() throws {
    let corpus = try TestCorpus("abc äö", .chunks)
    let tokenizer = CharacterTokenizer(scalars: "abc".unicodeScalars)
    let error = #expect(throws: InvalidInput.self) {
      try ChunkSource(file: corpus.file, scan: corpus.scan, tokenizer: tokenizer, blockSize: 2)
    }
    #expect(
      try #require(error).message.hasSuffix(
        "has characters that the model does not know: ' ' ä ö; its alphabet is a b c"))
  }
}

@Suite struct Documents {
  @Test func linesWithoutTheSpaceAroundThem() throws {
    let corpus = try TestCorpus("  anna \r\n\n\t\nbob\tlee\u{3000}\n\u{A0}éva", .documents)
    let source = try corpus.documents(16)
    #expect(source.count == 3)
    #expect(try (0..<3).map { try corpus.text(source, $0) } == ["^anna^", "^bob\tlee^", "^éva^"])
  }

  @Test func croppedToTheBlock() throws {
    let corpus = try TestCorpus("abcd\nabc\nab\n🎭🎭🎭🎭🎭🎭🎭\na🎭🎭🎭🎭🎭\nabcdeabcdeabcdeé", .documents)
    let source = try corpus.documents(3)
    #expect(
      try (0..<6).map { try corpus.text(source, $0) } == ["^abc", "^abc", "^ab^", "^🎭🎭🎭", "^a🎭🎭", "^abc"])
    let tiny = try corpus.documents(1)
    #expect(try corpus.text(tiny, 4) == "^a")
  }

  @Test func aHugeLineIsReadOnlyToTheBlock() throws {
    let corpus = try TestCorpus(String(repeating: "äb", count: 1_500_000) + "\nshort", .documents)
    let source = try corpus.documents(8)
    #expect(try corpus.text(source, 0) == "^äbäbäbäb")
    #expect(try corpus.text(source, 1) == "^short^")
  }

  @Test func oneCharacter() throws {
    let corpus = try TestCorpus("x", .documents)
    #expect(try corpus.text(corpus.documents(4), 0) == "^x^")
    #expect(corpus.scan.tokenizer.vocabularySize == 2)
  }

  @Test func shuffledOnceFromTheSeed() throws {
    let corpus = try TestCorpus((0..<100).map { "n\($0)" }.joined(separator: "\n"), .documents)
    func all(_ seed: UInt64?) throws -> [String] {
      let source = try corpus.documents(8, seed: seed)
      return try (0..<100).map { try corpus.text(source, $0) }
    }
    let inFileOrder = (0..<100).map { "^n\($0)^" }
    #expect(try all(nil) == inFileOrder)
    #expect(try all(1) == all(1))
    #expect(try all(1) != all(2))
    #expect(try all(1) != inFileOrder)
    #expect(try Set(all(1)) == Set(inFileOrder))
  }
}

@Suite struct HoldOut {
  private func split(
    _ corpus: TestCorpus, _ fraction: Double, blockSize: Int = 4, isShuffled: Bool = true
  ) throws -> CorpusSplit {
    try CorpusSplit(
      file: corpus.file, scan: corpus.scan, tokenizer: corpus.scan.tokenizer, blockSize: blockSize,
      validationFraction: fraction,
      order: DocumentOrder(count: corpus.scan.documentCount, seed: 42, isShuffled: isShuffled))
  }

  @Test func theEndOfTheText() throws {
    let corpus = try TestCorpus("abcdefghijklmnopqrst", .chunks)
    let parts = try split(corpus, 0.5)
    let validation = try #require(parts.validation)
    #expect(parts.training.count == 2)
    #expect(try corpus.text(parts.training as! ChunkSource, 1) == "efghi")
    #expect(validation.count == 2)
    #expect(try corpus.text(validation as! ChunkSource, 0) == "klmno")
  }

  @Test(arguments: [true, false])
  func theEndOfTheShuffledOrder(_ isShuffled: Bool) throws {
    let corpus = try TestCorpus((0..<50).map { "n\($0)" }.joined(separator: "\n"), .documents)
    let whole = try split(corpus, 0, isShuffled: isShuffled)
    let parts = try split(corpus, 0.2, isShuffled: isShuffled)
    let validation = try #require(parts.validation as? DocumentSource)
    #expect(parts.training.count == 40)
    #expect(validation.count == 10)
    for number in 0..<10 {
      #expect(
        try corpus.text(validation, number) == corpus.text(whole.training as! DocumentSource, 40 + number))
    }
  }

  @Test func partsThatAreTooShort() throws {
    let corpus = try TestCorpus("abcdefghijklmnopqrst", .chunks)
    func message(_ fraction: Double, _ blockSize: Int) -> String {
      let error = #expect(throws: InvalidInput.self) { try split(corpus, fraction, blockSize: blockSize) }
      return (error?.message ?? "").replacing(corpus.file.path, with: "x")
    }
    #expect(
      message(0, 20)
        == "the corpus x has 20 characters for training, but a chunk of --block-size 20 needs 21; "
        + "choose a longer corpus, --block-size 19 or smaller")
    #expect(
      message(0.1, 8)
        == "the corpus x has 2 characters for validation, but a chunk of --block-size 8 needs 9; "
        + "choose a longer corpus, --block-size 1 or smaller, another --val-frac")
    let one = try TestCorpus("x", .documents)
    #expect(throws: InvalidInput.self) { try split(one, 0.5) }
    let single = try TestCorpus("x", .chunks)
    #expect(throws: InvalidInput.self) { try split(single, 0) }
  }
}

@Suite struct SpreadSourceTests {
  private struct Numbers: SequenceSource {
    let count: Int
    func appendTokens(of index: Int, to tokens: inout [Int32]) { tokens.append(Int32(index % 1_000_000)) }
  }

  @Test func takesSequencesFromAllOverTheText() throws {
    func taken(_ count: Int, of whole: Int) throws -> [Int] {
      let source = SpreadSource(count, of: Numbers(count: whole))
      #expect(source.count == count)
      return try (0..<count).map { Int(try source.tokens(of: $0)[0]) }
    }
    #expect(try taken(3, of: 10) == [0, 3, 6])
    #expect(try taken(5, of: 5) == [0, 1, 2, 3, 4])
    #expect(try taken(1, of: 7) == [0])
    let many = try taken(64, of: 999_983)
    #expect(zip(many, many.dropFirst()).allSatisfy { (15_624...15_625).contains($1 - $0) })
  }
}
