// A scored text on a terminal: what surprised the model has a background, what it saw coming has none.

import Foundation
import GPTModel
import Platform
import TerminalDisplay

struct SurpriseColors: Sendable {
  /// From so many bits on: a background of xterm's 256, with black on it.
  private static let levels: [(bits: Double, color: Int, words: String)] = [
    (1, 194, "1 to 2 bits"), (2, 229, "2 to 4"), (4, 215, "4 to 6"), (6, 210, "6 or more"),
  ]
  /// Characters beyond which the rest is left out.
  static let mostCharacters = 4_000

  /// Nil unless standard output is a terminal that may be coloured (https://no-color.org).
  static var ofStandardOutput: SurpriseColors? {
    Terminal.standardOutput.hasColors ? SurpriseColors() : nil
  }

  /// The text and, below it, what the colours mean.
  func shown(_ text: ScoredText, _ score: TextScore, _ tokenizer: CharacterTokenizer) -> String {
    var result = ""
    var color: Int?
    var (left, place) = (Self.mostCharacters, 0)
    func write(_ sign: String, _ wanted: Int?) {
      if wanted != color { result += wanted.map { "\u{1B}[30;48;5;\($0)m" } ?? "\u{1B}[0m" }
      color = wanted
      result += sign
    }
    sequences: for tokens in text.sequences {
      for (index, token) in tokens.enumerated() {
        guard left > 0 else { break sequences }
        // Nothing predicts the first one.
        let bits = index == 0 ? 0 : score.losses[place] / log(2)
        if index > 0 { place += 1 }
        let scalar = tokenizer.scalar(of: Int(token))
        if index == 0, scalar == nil { continue }
        write(Self.sign(scalar), Self.levels.last { bits >= $0.bits }?.color)
        if scalar == nil || scalar == "\n" { write("\n", nil) }
        left -= 1
      }
    }
    write("", nil)
    let hidden = score.losses.count - place
    if hidden > 0 { result += "\n… and \(Readable.count(hidden, "more character", "more characters"))" }
    let legend = Self.levels.map { "\u{1B}[30;48;5;\($0.color)m \($0.words) \u{1B}[0m" }
    return result + "\n\n" + (["under 1 bit"] + legend).joined(separator: " ") + "\n"
  }

  /// The end of a line and of a document are something that can surprise.
  private static func sign(_ scalar: Unicode.Scalar?) -> String {
    guard let scalar, scalar != "\n" else { return "↵" }
    return visible(String(Character(scalar)))
  }
}
