// Random texts, whole and damaged, cut into files, pieces and threads at random: the scan and what is read through it
// are those of one pass byte by byte, down to the words of a refusal. MICROGPT_FUZZ_CASES says how many texts (300 by
// default).

import CorpusFiles
import Foundation
import GPTModel
import Platform
import Reproducibility
import Testing

@testable import Corpora

@Suite struct CorpusFuzz {
  private static let material = [
    "a", "b", " ", "\n", "\r\n", "\r", "\t", "ü", "\u{A0}", "日", "🎭", "\u{3000}", "", "zz", "\u{FEFF}", "   ",
    "a long line of plain words", "\n\n \n",
  ]

  /// A text of random pieces, in one of three cases with some bytes changed.
  private static func bytes(_ random: inout Philox) -> [UInt8] {
    let pieces = random.next(below: 900)
    // Some have no line end for long.
    let kinds = random.next(below: 4) == 0 ? 3 : material.count
    var bytes = (0..<pieces).flatMap { _ in Array(material[random.next(below: kinds)].utf8) }
    if random.next(below: 8) == 0 { bytes = [0xEF, 0xBB, 0xBF] + bytes }
    if random.next(below: 12) == 0 { bytes.removeLast(min(bytes.count, random.next(below: 4))) }
    if !bytes.isEmpty, random.next(below: 3) == 0 {
      for _ in 0...random.next(below: 3) {
        bytes[random.next(below: bytes.count)] = UInt8(truncatingIfNeeded: random.next())
      }
    }
    return bytes
  }

  private static func layout(_ random: inout Philox) -> ScanLayout {
    ScanLayout(
      pieces: 1 + random.next(below: 200), threads: 1 + random.next(below: 3),
      mostMarks: 1 + random.next(below: 30))
  }

  private static func outcome<Found>(_ body: () throws -> Found) -> Result<Found, InvalidInput> {
    do { return .success(try body()) } catch {
      return .failure(error as? InvalidInput ?? InvalidInput("\(error)"))
    }
  }

  @Test func oneFile() throws {
    var random = Philox(seed: 11, purpose: .sampling)
    var accepted = 0
    let cases = Int(ProcessInfo.processInfo.environment["MICROGPT_FUZZ_CASES"] ?? "300") ?? 300
    for _ in 0..<cases {
      let bytes = Self.bytes(&random)
      let scanned = try Scanned(bytes)
      let text = bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
      for workflow in Workflow.allCases {
        let layout = Self.layout(&random)
        let found = Self.outcome { try scanned.scan(workflow, layout) }
        switch (found, Self.outcome { try SequentialScan(bytes, workflow) }) {
        case (.success(let scan), .success(let reference)):
          #expect(text != nil)
          accepted += 1
          try Self.compare(scan, reference, scanned.file, &random)
        case (.failure(let error), .failure(let expected)): #expect(error == expected)
        case (let found, let expected): Issue.record("\(found) instead of \(expected): \(bytes)")
        }
      }
    }
    // The test would be worth little if nearly all texts were of one kind.
    #expect((cases..<2 * cases - cases / 15).contains(accepted))
  }

  /// Joined by nothing; a file's end ends a line.
  @Test func severalFiles() throws {
    var random = Philox(seed: 12, purpose: .sampling)
    for _ in 0..<150 {
      var bytes: [UInt8] = []
      var ends: [Int] = []
      for _ in 0..<1 + random.next(below: 5) {
        if !bytes.isEmpty || random.next(below: 9) == 0 { ends.append(bytes.count) }
        let pieces = random.next(below: 120)
        bytes += (0..<pieces).flatMap { _ in
          Array(Self.material[random.next(below: Self.material.count)].utf8)
        }
      }
      let scanned = try Scanned(bytes, ends: ends)
      for workflow in Workflow.allCases {
        let layout = Self.layout(&random)
        let found = Self.outcome { try scanned.scan(workflow, layout) }
        switch (found, Self.outcome { try SequentialScan(bytes, workflow, ends: ends) }) {
        case (.success(let scan), .success(let reference)):
          try Self.compare(scan, reference, scanned.file, &random)
        case (.failure(let error), .failure(let expected)): #expect(error == expected)
        case (let found, let expected): Issue.record("\(found) instead of \(expected): \(bytes), \(ends)")
        }
      }
    }
  }

  private static func compare(
    _ scan: CorpusScan, _ reference: SequentialScan, _ file: CorpusFile, _ random: inout Philox
  ) throws {
    #expect(scan.byteCount == reference.byteCount && scan.sha256 == reference.sha256)
    #expect(scan.textStart == reference.textStart && scan.characterCount == reference.characterCount)
    #expect(scan.carriageReturnCount == reference.carriageReturnCount)
    #expect(scan.scalars == reference.scalars)
    #expect(try CorpusScan(serialized: scan.serialized()) == scan)
    let tokenizer = scan.tokenizer
    let blockSize = 1 + random.next(below: 40)
    switch scan.index {
    case .ascii: #expect(reference.isASCII)
    case .characters(let places):
      #expect(!reference.isASCII)
      for (number, mark) in places.marks.enumerated() {
        #expect(mark >> 1 == reference.characters.prefix { $0 < number * places.stride }.count)
      }
    case .documents(let count, _): #expect(count == reference.documents.count)
    }
    func ids(_ range: Range<Int>) throws -> [Int32] {
      try file.withBytes(range) { bytes in
        String(decoding: bytes, as: UTF8.self).unicodeScalars.map { Int32(tokenizer.id(of: $0) ?? -1) }
      }
    }
    if scan.workflow == .chunks {
      let source = try ChunkSource(file: file, scan: scan, tokenizer: tokenizer, blockSize: blockSize)
      let all = try ids(scan.textStart..<scan.byteCount)
      #expect(source.count == ChunkSource.chunkCount(characters: all.count, blockSize: blockSize))
      for number in 0..<source.count {
        #expect(try source.tokens(of: number) == Array(all[number * blockSize...(number + 1) * blockSize]))
      }
    } else {
      let order = DocumentOrder(count: scan.documentCount, seed: 0, isShuffled: false)
      let source = try DocumentSource(
        file: file, scan: scan, tokenizer: tokenizer, blockSize: blockSize, order: order)
      let bos = Int32(tokenizer.bosID)
      for (number, range) in reference.documents.enumerated() {
        let whole = try [bos] + ids(range) + [bos]
        #expect(try source.tokens(of: number) == Array(whole.prefix(blockSize + 1)))
      }
    }
  }

  @Test func whiteSpaceIsUnicodes() {
    let all = (UInt32(0)...0x10_FFFF).compactMap(Unicode.Scalar.init)
    #expect(
      all.filter { $0.properties.isWhitespace && !Blanks.endsLine($0.value) } == Blanks.scalars.sorted())
    #expect(all.allSatisfy { (Blanks.set(of: $0.value) != 0) == Blanks.scalars.contains($0) })
    for (number, scalar) in Blanks.scalars.enumerated() {
      #expect(Blanks.set(of: scalar.value) == 1 << UInt32(number))
      #expect(Blanks.scalars(in: 1 << UInt32(number)) == [scalar])
    }
  }
}
