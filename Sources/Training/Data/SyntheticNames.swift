// Names from a grammar of syllables: q wants u, endings tell the family, no three vowels in a row.

import Reproducibility

struct NameWriter {
  private var random: Philox

  private static let onsets = """
    b br c cl d dr f fl g gr h j k kr l m m m n n n p pr qu r r s s sh st t t th tr v w wr y z
    """.split(separator: " ").map(String.init)
  private static let vowels = "a a a e e e i i o o u y ai ea ee ia ie oa".split(separator: " ").map(
    String.init)
  private static let codas = "d l ll ld m n n nd nn r r rd rn s ss th x lt".split(separator: " ").map(
    String.init)
  /// Endings of three families of names: each family also prefers its own first letters.
  private static let families: [(onsets: [String], endings: [String])] = [
    (["al", "am", "el", "is", "or", "ma", "li", "se"], ["a", "ia", "elle", "ine", "ara", "ena", "issa"]),
    (["b", "d", "gr", "h", "j", "k", "t", "w"], ["an", "en", "olf", "or", "us", "son", "ert", "ow"]),
    (["f", "l", "n", "r", "s", "v", "z", "y"], ["i", "o", "is", "iel", "wyn", "ey", "une", "ax"]),
  ]

  init(random: Philox) { self.random = random }

  /// So many different names, one a line.
  mutating func text(count: Int) -> String {
    var seen: Set<String> = []
    var text = ""
    while seen.count < count {
      let name = name()
      guard (3...9).contains(name.utf8.count), seen.insert(name).inserted else { continue }
      text += name + "\n"
    }
    return text
  }

  private mutating func name() -> String {
    let family = random.pickEarly(Self.families)
    var name = random.pick(random.happens(60) ? family.onsets : Self.onsets)
    // A first part such as `al` is a syllable already.
    if !endsInVowel(name), !startsWithVowel(name) { name += random.pick(Self.vowels) }
    if random.happens(22) { name += syllable(after: name) }
    let ending = random.pickEarly(family.endings)
    if endsInVowel(name), startsWithVowel(ending) { name += random.pick(Self.codas) }
    return name + ending
  }

  /// Consonants and a vowel; after a vowel sometimes a coda first.
  private mutating func syllable(after name: String) -> String {
    let onset = endsInVowel(name) && random.happens(20) ? random.pick(Self.codas) : random.pick(Self.onsets)
    return onset + random.pick(Self.vowels)
  }

  private func endsInVowel(_ text: String) -> Bool { text.last.map("aeiouy".contains) ?? false }
  private func startsWithVowel(_ text: String) -> Bool { text.first.map("aeiouy".contains) ?? false }
}
