// Texts that the program writes itself, for machines without a network. Not literature: structure that a
// model can learn and randomness that it cannot. All word lists and templates were made for this program.

import Reproducibility

/// A generated corpus, the same bytes on every machine.
public enum SyntheticCorpus: String, CaseIterable, Sendable {
  /// About a megabyte of scenes: speakers in turn, verse lines, agreement, questions and their answers.
  case dialogue
  /// 32,000 different lower-case names, one per line.
  case names

  public var fileName: String { "synthetic-\(rawValue).txt" }

  /// Digest of `bytes()`, 64 hexadecimal digits. Any change of grammar or words fails a test.
  public var sha256: String {
    switch self {
    case .dialogue: "b033ce7a0355b348fdb0b98d77e3a8ccc21d4ff19d260cf655f60e9c1d8fa257"
    case .names: "2f282c109ef30edea9028dbc19d44667856ddb3f6b7462144643a4ef9314dd7e"
    }
  }

  /// Generates the text, in a few tenths of a second.
  public func bytes() -> [UInt8] {
    switch self {
    case .dialogue: Array(SyntheticDialogue.text(atLeast: 1_000_000).utf8)
    case .names: Array(Self.names(32_000).utf8)
    }
  }

  /// Three families of names: first letters predict endings. Vowels and consonants alternate; u follows q.
  private static func names(_ count: Int) -> String {
    let rules = """
      name: [soft][root][softEnd] | [hard][root][hardEnd] | [quick][root][quickEnd] | [root][softEnd]
      soft: m l s am el al ch is cl
      softEnd: a ia ine ara elle ena issa
      hard: b h k g d t w gr br j dr p tr wr
      hardEnd: an or en us olf ert axon
      quick: f r v n y z fl qu kr
      quickEnd: i o iel is ey une ax
      root: [vowel][coda] | [vowel][coda][vowel][coda]
      vowel: a e i o ea ai y ie oa u
      coda: n l r d m s t nd v k th nn rn ll st rd b lt c j w p x z g f h
      """
    var grammar = PhraseGrammar(seed: 2, rules)
    var seen: Set<String> = []
    var text = ""
    while seen.count < count {
      let name = grammar.choose("name")
      if (3...9).contains(name.utf8.count), seen.insert(name).inserted { text += name + "\n" }
    }
    return text
  }
}

/// Writes text from rules whose earlier choices are likelier, as words in a language are not equally common.
struct PhraseGrammar {
  var random: Philox
  /// The choices of each rule: text and, at odd positions, the rules that fill its slots.
  var rules: [String: [[String]]] = [:]

  /// Each line: words, `name: Ann Ben`, or templates, `greeting: hail, [name]! | your [ship]s have come`.
  init(seed: UInt64, _ table: String) {
    random = Philox(seed: seed, purpose: .syntheticCorpus)
    for line in table.split(separator: "\n") {
      let sides = line.split(separator: ": ")
      let choices = sides[1].split(separator: sides[1].contains(/[\[|]/) ? " | " : " ")
      rules[String(sides[0])] = choices.map {
        $0.split(separator: /[\[\]]/, omittingEmptySubsequences: false).map(String.init)
      }
    }
  }

  /// One of a rule's choices, its slots filled. The rule `=thing` repeats the last choice for `thing`.
  mutating func choose(_ rule: String) -> String {
    let choices = rules[rule]!
    var choice = choices[min(random.next(below: choices.count), random.next(below: choices.count))]
    for slot in stride(from: 1, to: choice.count, by: 2) {
      let rule = choice[slot]
      choice[slot] = choose(rule)
      rules["=" + rule] = [[choice[slot]]]
    }
    return choice.joined()
  }
}
