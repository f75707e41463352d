// The generated corpora: the same bytes for ever, and worth training on.

import Foundation
import Reproducibility
import Testing

@testable import Training

@Suite struct SyntheticCorpora {
  @Test(arguments: SyntheticCorpus.allCases)
  func pinned(_ corpus: SyntheticCorpus) {
    #expect(corpus.bytes().withUnsafeBytes { SHA256.hash($0) } == corpus.sha256)
  }

  @Test func dialogue() throws {
    let text = String(decoding: SyntheticCorpus.dialogue.bytes(), as: UTF8.self)
    #expect((1_000_000..<1_010_000).contains(text.utf8.count))
    #expect(text.utf8.allSatisfy { $0 < 0x80 })
    #expect((50...80).contains(Set(text.unicodeScalars).count))
    #expect(text.hasSuffix(".\n\n"))

    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.allSatisfy { $0.count < 120 })
    #expect(lines.allSatisfy { $0.first.map { $0.isUppercase } ?? true })
    // Entropy: hardly a verse line comes twice.
    let verses = lines.filter { $0.count > 30 && !$0.hasPrefix("Scene") }
    #expect(verses.count > 10_000)
    #expect(Double(Set(verses).count) > 0.95 * Double(verses.count))
    // Structure: every speaker is one of the cast.
    let speakers = lines.filter { $0.hasSuffix(":") }.map { String($0.dropLast()) }
    #expect(Set(speakers) == Set(Lexicon.cast.map(\.name)))
  }

  @Test func verbsAgree() {
    let text = String(decoding: SyntheticCorpus.dialogue.bytes(), as: UTF8.self).lowercased()
    let words = text.split { !$0.isLetter }
    var wrong: Set<String> = []
    for (subject, verb) in zip(words, words.dropFirst()) {
      let bad: [Substring: Set<Substring>] = [
        "i": ["is", "are", "has", "does", "were"], "he": ["am", "are", "have", "do", "were"],
        "she": ["am", "are", "have", "do", "were"], "they": ["am", "is", "has", "does", "was"],
        "we": ["am", "is", "has", "does", "was"],
      ]
      if bad[subject]?.contains(verb) == true { wrong.insert("\(subject) \(verb)") }
    }
    #expect(wrong.isEmpty)
    for vowel in "aeiou" { #expect(!text.contains(" a \(vowel)")) }
  }

  @Test func inflections() {
    #expect(Noun("leaf/leaves").plural == "leaves")
    #expect(
      ["gull", "compass", "treaty", "key", "bench"].map { Noun($0).plural }
        == ["gulls", "compasses", "treaties", "keys", "benches"])
    let verbs = ["mend", "carry", "forge", "sing/sang/sung", "find/found", "play", "watch"].map { Verb($0) }
    #expect(verbs.map(\.third) == ["mends", "carries", "forges", "sings", "finds", "plays", "watches"])
    #expect(verbs.map(\.past) == ["mended", "carried", "forged", "sang", "found", "played", "watched"])
    #expect(verbs.map(\.participle) == ["mended", "carried", "forged", "sung", "found", "played", "watched"])
  }

  @Test func names() throws {
    let corpus = try TestCorpus(SyntheticCorpus.names.bytes(), .documents)
    #expect(corpus.scan.documentCount == 32_000)
    #expect((220_000..<260_000).contains(corpus.scan.byteCount))
    #expect(corpus.scan.tokenizer.vocabularySize == 27)
    let source = try corpus.documents(16)
    let names = try (0..<32_000).map { try corpus.text(source, $0) }
    #expect(Set(names).count == 32_000)
    // Structure: q wants u.
    #expect(names.allSatisfy { name in name.replacing("qu", with: "").firstIndex(of: "q") == nil })
  }
}
