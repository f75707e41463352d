// Random damage to random texts: whatever the bytes, the scan agrees with a naive reading of the whole text.
// MICROGPT_FUZZ_CASES says how many texts (300 by default).

import Foundation
import Reproducibility
import GPTModel
import Testing

@testable import Corpora

@Suite struct CorpusFuzz {
  private static let material = [
    "a", "b", " ", "\n", "\r\n", "\r", "\t", "ü", "\u{A0}", "日", "🎭", "\u{3000}", "", "zz",
  ]

  /// A text of random pieces, in one of three cases with some bytes changed.
  private static func bytes(_ random: inout Philox) -> [UInt8] {
    let pieces = random.next(below: 1_500)
    var bytes = (0..<pieces).flatMap { _ in Array(material[random.next(below: material.count)].utf8) }
    if !bytes.isEmpty, random.next(below: 3) == 0 {
      for _ in 0...random.next(below: 3) {
        bytes[random.next(below: bytes.count)] = UInt8(truncatingIfNeeded: random.next())
      }
    }
    return bytes
  }

  private static func scan(_ bytes: [UInt8], _ workflow: Workflow, block: Int) throws -> CorpusScan {
    var pass = CorpusPass(path: "x", workflow: workflow)
    for start in stride(from: 0, to: bytes.count, by: block) {
      try bytes[start..<min(start + block, bytes.count)].withUnsafeBytes { try pass.consume($0, at: start) }
    }
    return try pass.finish()
  }

  @Test func textsAndRubbish() throws {
    var random = Philox(seed: 11, purpose: .sampling)
    var accepted = 0
    let cases = Int(ProcessInfo.processInfo.environment["MICROGPT_FUZZ_CASES"] ?? "300") ?? 300
    for _ in 0..<cases {
      let bytes = Self.bytes(&random)
      let block = 1 + random.next(below: 40)
      let text = bytes.contains(0) || bytes.isEmpty ? nil : String(validating: bytes, as: UTF8.self)
      let chunks = try? Self.scan(bytes, .chunks, block: block)
      #expect((chunks != nil) == (text != nil))
      let documents = try? Self.scan(bytes, .documents, block: block)
      guard let text, let chunks else {
        #expect(documents == nil)
        continue
      }
      accepted += 1
      #expect(chunks.characterCount == text.unicodeScalars.count)
      #expect(chunks.scalars == Set(text.unicodeScalars).sorted())

      let lines = text.unicodeScalars.split { $0 == "\n" || $0 == "\r" }.map(Self.trimmed).filter {
        !$0.isEmpty
      }
      #expect(documents?.documentCount ?? 0 == lines.count)
      if let documents, case .documents(let starts, let lengths) = documents.index {
        for ((start, length), line) in zip(zip(starts, lengths), lines) {
          #expect(Array(bytes[start..<start + Int(length)]) == Array(String(line).utf8))
        }
        #expect(documents.scalars == Set(lines.flatMap { Array($0) }).sorted())
      }
    }
    // The test would be worth little if nearly all texts were of one kind.
    #expect((cases / 2..<cases - cases / 30).contains(accepted))
  }

  private static func trimmed(_ line: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
    var line = line
    while line.first?.properties.isWhitespace == true { line.removeFirst() }
    while line.last?.properties.isWhitespace == true { line.removeLast() }
    return line
  }
}
