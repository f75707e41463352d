// Sentences of the synthetic dialogue: noun phrases, verb phrases that agree with them, and what a speaker
// makes of both. A sentence is returned without its final mark where the caller chooses it.

import Reproducibility

/// A noun phrase as a subject, with what its verb must agree with.
struct Subject {
  enum Person { case first, singular, plural }
  let text: String
  let person: Person

  /// Forms of to be, to do and to have.
  var be: String { person == .first ? "am" : person == .singular ? "is" : "are" }
  var was: String { person == .plural ? "were" : "was" }
  var `do`: String { person == .singular ? "does" : "do" }
  var have: String { person == .singular ? "has" : "have" }
  func present(_ verb: Verb) -> String { person == .singular ? verb.third : verb.base }
}

struct Grammar {
  var random: Philox
  let topics: [Topic]
  /// Who may be addressed.
  let present: [String]

  private mutating func topic() -> Topic { random.pickEarly(topics) }

  // MARK: Noun phrases

  /// `the heavy ropes`, `my lantern`, `three gulls`: with the noun's number.
  mutating func nounPhrase(_ noun: Noun, adjective: String) -> Subject {
    let described = random.happens(35) ? adjective + " " : ""
    switch random.next(below: 10) {
    case 0...3:
      return random.happens(60)
        ? Subject(text: "the " + described + noun.singular, person: .singular)
        : Subject(text: "the " + described + noun.plural, person: .plural)
    case 4:
      return Subject(text: withArticle(described + noun.singular), person: .singular)
    case 5:
      let owner = random.pick(["my", "your", "our", "his", "her", "their"])
      return random.happens(50)
        ? Subject(text: "\(owner) \(described)\(noun.singular)", person: .singular)
        : Subject(text: "\(owner) \(described)\(noun.plural)", person: .plural)
    case 6:
      return Subject(
        text: random.pick(["this", "that", "every", "no"]) + " " + described + noun.singular,
        person: .singular)
    case 7:
      return Subject(
        text: random.pick(["these", "those", "all", "few", "many"]) + " " + described + noun.plural,
        person: .plural)
    case 8:
      return Subject(text: "\(random.pick(Lexicon.numbers)) \(described)\(noun.plural)", person: .plural)
    default:
      return Subject(
        text: "the " + noun.singular + " of the " + topic().people[0].singular, person: .singular)
    }
  }

  mutating func thing() -> Subject {
    let topic = topic()
    return nounPhrase(random.pickEarly(topic.things), adjective: random.pickEarly(topic.adjectives))
  }

  mutating func person() -> Subject {
    let topic = topic()
    return nounPhrase(random.pickEarly(topic.people), adjective: random.pickEarly(topic.adjectives))
  }

  mutating func subject() -> Subject {
    switch random.next(below: 10) {
    case 0...1: Subject(text: "I", person: .first)
    case 2: Subject(text: random.pick(["you", "we", "they"]), person: .plural)
    case 3: Subject(text: random.pick(["he", "she"]), person: .singular)
    case 4: Subject(text: random.pick(present), person: .singular)
    case 5...7: person()
    default: thing()
    }
  }

  mutating func place() -> String { random.pickEarly(Lexicon.prepositions) + " " + thing().text }

  // MARK: Verb phrases

  /// The predicate of a subject, in some tense, agreeing with it.
  mutating func predicate(_ subject: Subject) -> String {
    let topic = topic()
    if random.happens(22) {
      let be = random.happens(70) ? subject.be : subject.was
      switch random.next(below: 3) {
      case 0: return "\(be) \(random.pickEarly(Lexicon.moods))"
      case 1: return "\(be) \(random.pickEarly(Lexicon.intensifiers)) \(random.pickEarly(topic.adjectives))"
      default: return "\(be) \(place())"
      }
    }
    let hasObject = random.happens(55)
    let verb = hasObject ? random.pickEarly(topic.deeds) : random.pickEarly(topic.actions)
    let core: String
    switch random.next(below: 10) {
    case 0...3: core = subject.present(verb)
    case 4...5: core = verb.past
    case 6: core = "\(subject.have) \(verb.participle)"
    case 7: core = "\(subject.do) not \(verb.base)"
    default: core = "\(random.pickEarly(Lexicon.modals)) \(verb.base)"
    }
    var phrase = hasObject ? "\(core) \(thing().text)" : core
    if random.happens(25) { phrase += " " + place() }
    if random.happens(20) { phrase += " " + random.pickEarly(Lexicon.adverbs) }
    return phrase
  }

  mutating func clause() -> String {
    let subject = subject()
    return "\(subject.text) \(predicate(subject))"
  }

  // MARK: Sentences

  mutating func statement() -> String {
    switch random.next(below: 10) {
    case 0...3: return clause() + "."
    case 4...6: return "\(clause()), \(random.pickEarly(Lexicon.joiners)) \(clause())."
    case 7: return "if \(clause()), then \(clause())."
    case 8: return "\(random.pick(Lexicon.openings)), \(clause())."
    default: return "\(clause()); \(clause())."
    }
  }

  mutating func exclamation() -> String {
    let topic = topic()
    let adjective = random.pickEarly(topic.adjectives)
    switch random.next(below: 3) {
    case 0: return "what \(withArticle("\(adjective) \(random.pickEarly(topic.things).singular)"))!"
    case 1:
      let thing = random.pickEarly(topic.things).singular
      let manner = random.pickEarly(Lexicon.adverbs)
      return "O \(adjective) \(thing), how \(manner) we \(random.pickEarly(topic.actions).base)!"
    default: return "\(random.pick(Lexicon.openings))! \(capitalized(clause()))!"
    }
  }

  mutating func command(to other: String) -> String {
    let deed = random.pickEarly(topic().deeds).base
    switch random.next(below: 3) {
    case 0: return "\(deed) \(thing().text), \(other)."
    case 1: return "do not \(deed) \(thing().text)!"
    default: return "\(other), \(deed) \(thing().text) and \(random.pickEarly(topic().actions).base)."
    }
  }

  /// A question, and how its answer begins: the answer takes up the words of the question.
  mutating func question() -> (question: String, answer: String) {
    let topic = topic()
    let noun = random.pickEarly(topic.things)
    let asked =
      random.happens(50)
      ? Subject(text: "the " + noun.singular, person: .singular)
      : Subject(text: "the " + noun.plural, person: .plural)
    let deed = random.pickEarly(topic.deeds)
    switch random.next(below: 4) {
    case 0:
      return ("where \(asked.be) \(asked.text)?", "\(asked.text) \(asked.be) \(place()).")
    case 1:
      return ("who \(deed.past) \(asked.text)?", "\(random.pick(present)) \(deed.past) \(asked.text).")
    case 2:
      let doer = person()
      return (
        "why \(doer.do) \(doer.text) \(deed.base) \(asked.text)?",
        "because \(asked.text) \(predicate(asked))."
      )
    default:
      let answer = random.happens(50) ? "Yes, I have" : "No, I have never"
      return ("have you \(deed.participle) \(asked.text)?", "\(answer) \(deed.participle) \(asked.text).")
    }
  }

  /// Two lines that rhyme.
  mutating func couplet() -> [String] {
    let words = random.pick(Lexicon.rhymes)
    let first = random.next(below: words.count)
    let second = (first + 1 + random.next(below: words.count - 1)) % words.count
    return [
      "\(capitalized(clause())), \(random.pick(Lexicon.prepositions)) the \(words[first]),",
      "And \(clause()), \(random.pick(Lexicon.prepositions)) the \(words[second]).",
    ]
  }
}

func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
