// The scan against the standard library's own decoding, and against files that are no corpus.

import CorpusFiles
import CorpusSupport
import Foundation
import Platform
import Reproducibility
import TestSupport
import GPTModel
import Testing

@testable import Corpora

private let mixed =
  "Zürich – naïve\r\n\n  日本語 🎭\u{301} \t\n\u{3000}𝔸\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}\n\u{A0}\nend"

@Suite struct CorpusScans {
  @Test(arguments: [1, 2, 3, 5, 7, 64, 1 << 20], Workflow.allCases)
  func blocksDoNotMatter(_ block: Int, _ workflow: Workflow) throws {
    let bytes = Array(String(repeating: mixed, count: 70).utf8)
    let result = try scan(bytes, workflow, block: block)
    #expect(result == (try scan(bytes, workflow, block: bytes.count)))
    #expect(result.characterCount == mixed.unicodeScalars.count * 70)
    #expect(result.byteCount == bytes.count)
    #expect(result.sha256 == bytes.withUnsafeBytes { SHA256.hash($0) })
    #expect(result == (try Scanned(bytes).scan(workflow, ScanLayout(pieces: block, threads: 1))))
  }

  @Test func alphabets() throws {
    let bytes = Array(mixed.utf8)
    #expect(try scan(bytes, .chunks, block: 8).scalars == Set(mixed.unicodeScalars).sorted())
    // Inside documents: the blanks between words, neither line breaks nor white space at the ends.
    let inside = ["Zürich – naïve", "日本語 🎭\u{301}", "𝔸\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}", "end"]
    let documents = try scan(bytes, .documents, block: 8)
    #expect(documents.scalars == Set(inside.joined().unicodeScalars).sorted())
    #expect(documents.documentCount == 4)
  }

  @Test func asciiNeedsNoIndex() throws {
    #expect(try scan(Array("plain\r\ntext".utf8), .chunks, block: 4).index == .ascii)
  }

  @Test(arguments: Workflow.allCases)
  func bytesThereAndBack(_ workflow: Workflow) throws {
    for text in ["plain text", mixed, String(repeating: mixed, count: 70)] {
      let original = try scan(Array(text.utf8), workflow, block: 64)
      let bytes = original.serialized()
      #expect(try CorpusScan(serialized: bytes) == original)
      for length in stride(from: 0, to: bytes.count, by: 8) {
        #expect(throws: RuntimeFailure.self) { try CorpusScan(serialized: Array(bytes[0..<length])) }
      }
      #expect(throws: RuntimeFailure.self) { try CorpusScan(serialized: bytes + [0]) }
      var wrong = bytes
      wrong[8] ^= 1
      #expect(throws: RuntimeFailure.self) { try CorpusScan(serialized: wrong) }
    }
  }
}

@Suite struct HostileCorpora {
  /// Every one- to four-byte sequence of a sample is judged as the standard library judges it.
  @Test func validityIsThatOfTheStandardLibrary() {
    let interesting: [UInt8] = [
      0x01, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF,
      0xF0, 0xF1, 0xF4, 0xF5, 0xFF,
    ]
    var disagreements: [[UInt8]] = []
    func check(_ bytes: [UInt8]) {
      let isValid = String(validating: bytes, as: UTF8.self) != nil
      if isValid != isText(bytes) { disagreements.append(bytes) }
    }
    for a in interesting {
      check([a])
      for b in interesting {
        check([a, b])
        for c in interesting {
          check([a, b, c])
          for d in interesting { check([a, b, c, d]) }
        }
      }
    }
    #expect(disagreements.isEmpty)
  }

  @Test(arguments: [1, 2, 3, 4, 1 << 20])
  func wrongBytesAreNamed(_ block: Int) {
    func message(_ bytes: [UInt8]) -> String {
      do {
        _ = try scan(bytes, .chunks, block: block)
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(
      message([0x41, 0x42, 0xFF])
        == "the corpus x is not UTF-8: byte 0xff cannot stand at offset 2; if it is Latin-1 or Windows-1252, "
        + "convert it: iconv -f WINDOWS-1252 -t UTF-8 x > x.utf8"
    )
    #expect(message([0x41, 0xE2, 0x82, 0x41]).contains("byte 0x41 cannot stand at offset 3"))
    #expect(message([0xED, 0xA0, 0x80]).contains("byte 0xa0 cannot stand at offset 1"))
    #expect(message([0xC0, 0x80]).contains("byte 0xc0 cannot stand at offset 0"))
    #expect(
      message([0x41, 0xF0, 0x9F, 0x8E])
        == "the corpus x ends inside the character that begins at byte 1; it is cut off or not UTF-8")
    #expect(
      message([0x41, 0x0A, 0x00, 0x42])
        == "the corpus x has a NUL at byte 2: it is binary, not text; give a UTF-8 text file")
    #expect(message(Array("é".utf8) + [0xFF]).contains("iconv -c -f UTF-8 -t UTF-8 x > x.utf8"))
    #expect(message([0x41, 0x81, 0xE9]).contains("iconv -l"))
    #expect(message([]) == "the corpus x is empty; give a UTF-8 text file")
  }

  /// Around the real block border of one mebibyte, in a real file.
  @Test func aCharacterAcrossTheBlockBorder() throws {
    for lead in 1...4 {
      let before = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20 - lead)
      let corpus = try TestCorpus(before + Array("🎭z".utf8), .chunks)
      #expect(corpus.scan.characterCount == before.count + 2)
      let source = try corpus.chunks(2)
      #expect(
        try corpus.text(source, source.count - 1).hasSuffix("z") || source.count * 2 + 1 < before.count + 2)
      #expect(throws: InvalidInput.self) { try TestCorpus(before + [0xF0, 0x9F, 0x8E, 0x41], .chunks) }
      #expect(throws: InvalidInput.self) { try TestCorpus(before + [0xF0, 0x9F], .chunks) }
    }
  }

  @Test func blankDocuments() {
    for text in ["\n", " \t\r\n\u{3000}\n\n"] {
      #expect(throws: InvalidInput("the corpus x has no documents: every line is blank")) {
        try scan(Array(text.utf8), .documents, block: 2)
      }
    }
  }

  @Test func filesThatAreNone() throws {
    let directory = try TemporaryFolder()
    #expect(throws: InvalidInput.self) { try CorpusFile(path: directory.path + "/absent.txt") }
    #expect(throws: InvalidInput.self) { try CorpusFile(path: directory.path) }
    #expect(throws: InvalidInput.self) { try CorpusFile(path: "/dev/null") }
    let fifo = directory.path + "/fifo"
    try #require(mkfifo(fifo, 0o600) == 0)
    #expect(throws: InvalidInput.self) { try CorpusFile(path: fifo) }
  }

  @Test func aFileThatChangedIsNotRead() throws {
    let corpus = try TestCorpus("hello world, hello again", .chunks)
    let source = try corpus.chunks(4)
    let handle = try #require(FileHandle(forUpdatingAtPath: corpus.file.path))
    try handle.truncate(atOffset: 6)
    #expect(throws: RuntimeFailure.self) { try source.tokens(of: 3) }
    _ = try source.tokens(of: 0)
    try handle.seek(toOffset: 0)
    try handle.write(contentsOf: Data("HELLO".utf8))
    #expect(throws: RuntimeFailure.self) { try source.tokens(of: 0) }
    let reopened = try CorpusFile(path: corpus.file.path)
    #expect(throws: RuntimeFailure.self) {
      try ChunkSource(file: reopened, scan: corpus.scan, tokenizer: corpus.scan.tokenizer, blockSize: 4)
    }
  }

  /// Other characters of the same alphabet are as wrong as none; whatever leaves the bytes alone is not.
  @Test func aWriteShowsAndNothingElse() throws {
    let corpus = try TestCorpus("hello world, hello again", .chunks)
    let path = corpus.file.path
    let split = try CorpusSplit(
      file: corpus.file, scan: corpus.scan, tokenizer: corpus.scan.tokenizer, blockSize: 4,
      validationFraction: 0,
      order: DocumentOrder(count: corpus.scan.documentCount, seed: 1, isShuffled: true))
    func failure() -> String {
      do {
        try split.checkUnchanged()
        return ""
      } catch { return "\(error)" }
    }
    #expect(failure() == "")
    // Longer ago than any clock's step.
    var times = [timespec(tv_sec: 1_000, tv_nsec: 0), timespec(tv_sec: 1_000, tv_nsec: 0)]
    try #require(utimensat(AT_FDCWD, path, &times, 0) == 0)
    #expect(failure() == "")
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    try handle.write(contentsOf: Data("hullo".utf8.map { $0 == 0x75 ? 0x6C : $0 }))
    // As `cp -p` and rsync do: the time of modification is the old one.
    try #require(utimensat(AT_FDCWD, path, &times, 0) == 0)
    #expect(failure().contains("its sha256 was"))
    try handle.seek(toOffset: 0)
    try handle.write(contentsOf: Data("hello".utf8))
    #expect(failure() == "")
    try handle.seekToEnd()
    try handle.write(contentsOf: Data("!".utf8))
    #expect(failure().contains("it had 24 bytes and has 25"))
    // An editor that writes a new file in its place leaves the open one as it is.
    let other = try TestCorpus("hello world, hello again", .chunks)
    try #require(rename(path, other.file.path) == 0)
    #expect(throws: Never.self) { try other.file.checkUnchanged(sha256: other.scan.sha256) }
  }
}
