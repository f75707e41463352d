// The generated corpora: the same bytes for ever, and worth training on.

import Foundation
import Reproducibility
import CorpusSupport
import TestSupport
import GPTModel
import Testing

@testable import Corpora
@testable import CorpusFiles

@Suite struct SyntheticCorpora {
  /// The words of a rule of the dialogue.
  private func words(_ rule: String) -> [String] {
    let choices = PhraseGrammar(seed: 0, SyntheticDialogue.rules).rules[rule]!.map { $0[0] }
    return rule == "cast" ? choices : choices.flatMap { $0.split(separator: " ").map(String.init) }
  }

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
    #expect(Set(speakers) == Set(words("cast")))
  }

  @Test func questionsAreAnswered() throws {
    let text = String(decoding: SyntheticCorpus.dialogue.bytes(), as: UTF8.self)
    // A question ends a speech; the next one begins with the answer.
    let questions = text.matches(of: /Where is (the \w+)\?\n\n[\w ]+:\n([^\n]+)/)
    #expect(questions.count > 500)
    for question in questions {
      #expect(question.2.lowercased().hasPrefix(question.1 + " is "), "\(question.0)")
    }
  }

  @Test func verbsAgree() {
    let text = String(decoding: SyntheticCorpus.dialogue.bytes(), as: UTF8.self).lowercased()
    let actions = words("deed by topic") + words("action by topic")
    let (plural, singular) = (Set(actions), Set(actions.map { $0 + "s" }))
    let bad: [Substring: Set<String>] = [
      "i": singular.union(["is", "are", "has", "does", "were"]),
      "he": plural.union(["am", "are", "have", "do", "were"]),
      "she": plural.union(["am", "are", "have", "do", "were"]),
      "they": singular.union(["am", "is", "has", "does", "was"]),
      "we": singular.union(["am", "is", "has", "does", "was"]),
    ]
    let words = text.split { !$0.isLetter }
    var wrong: Set<String> = []
    for (subject, verb) in zip(words, words.dropFirst()) {
      if bad[subject]?.contains(String(verb)) == true { wrong.insert("\(subject) \(verb)") }
    }
    #expect(wrong.isEmpty)
    for vowel in "aeiou" { #expect(!text.contains(" a \(vowel)")) }
    #expect(!text.contains(/\ban [^aeiou]/))
  }

  /// Templates append `s` and `ed`, so every word must be one that is inflected like that.
  @Test func inflections() {
    let verbs = words("deed by topic") + words("action by topic")
    for word in verbs + words("thing by topic") + words("person by topic") {
      #expect(!word.contains(/(s|x|z|ch|sh|[^aeiou]y)$/), "\(word)s")
    }
    for word in verbs { #expect(!word.contains(/(e|[^aeiou]y|^[^aeiou]*[aeiou][^aeiouwxy])$/), "\(word)ed") }
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
