// Scenes of the synthetic dialogue: who is there, who speaks, who answers, and how speech is set in lines.

import Reproducibility

struct DialogueWriter {
  private var random: Philox

  init(random: Philox) { self.random = random }

  /// Whole scenes until there are so many bytes.
  mutating func text(atLeast byteCount: Int) -> String {
    var text = ""
    var number = 0
    while text.utf8.count < byteCount {
      number += 1
      text += scene(number)
    }
    return text
  }

  /// A heading, some speeches by two to four persons, and a couplet of the last speaker.
  private mutating func scene(_ number: Int) -> String {
    let main = random.next(below: Lexicon.topics.count)
    let side = random.next(below: Lexicon.topics.count)
    let cast = random.permutation(Lexicon.cast.count).prefix(2 + random.next(below: 3)).map {
      Lexicon.cast[$0]
    }
    var grammar = Grammar(
      random: random, topics: [Lexicon.topics[main], Lexicon.topics[side]], present: cast.map(\.name))
    var text = "Scene \(number). \(grammar.random.pick(Lexicon.topics[main].places)).\n\n"
    var speaker = 0
    var answer: String?
    let speeches = 6 + grammar.random.next(below: 14)
    for turn in 0..<speeches {
      // Nobody speaks twice in a row; with two persons they take turns.
      speaker = (speaker + 1 + grammar.random.next(below: cast.count - 1)) % cast.count
      let previous = turn > 0 ? answer : nil
      answer = nil
      var sentences: [String] = []
      if let previous, grammar.random.happens(85) { sentences.append(previous) }
      let length = 1 + grammar.random.next(below: 4)
      while sentences.count < length {
        let mood = grammar.random.next(below: 100)
        let person = cast[speaker]
        if mood < person.questions {
          let asked = grammar.question()
          sentences.append(asked.question)
          // A question ends the speech: the next speaker answers it.
          answer = asked.answer
          break
        } else if mood < person.questions + person.exclamations {
          sentences.append(grammar.exclamation())
        } else if mood < person.questions + person.exclamations + person.commands {
          sentences.append(grammar.command(to: cast[(speaker + 1) % cast.count].name))
        } else {
          sentences.append(grammar.statement())
        }
      }
      var lines = verse(sentences.map(capitalized).joined(separator: " "))
      if turn == speeches - 1 { lines += grammar.couplet() }
      text += "\(cast[speaker].name):\n" + lines.joined(separator: "\n") + "\n\n"
    }
    random = grammar.random
    return text
  }

  /// Lines of some 42 characters, each beginning with a capital letter, ending early where a sentence ends.
  private func verse(_ text: String) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.utf8.count + 1 + word.utf8.count > 46 || endsSentence(line) {
        lines.append(capitalized(line))
        line = ""
      }
      line += line.isEmpty ? String(word) : " " + word
    }
    lines.append(capitalized(line))
    return lines
  }

  private func endsSentence(_ line: String) -> Bool {
    line.utf8.count > 28 && (line.last.map(".!?;".contains) ?? false)
  }
}
