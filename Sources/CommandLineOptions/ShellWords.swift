// The words of a text as a POSIX shell would read them: quotes, backslashes, comments, lines that go on. Expands nothing.

import Platform

/// A word, and the line of the text that it begins on, from 1.
struct ShellWord: Equatable {
  let text: String
  let line: Int
}

enum ShellWords {
  /// The words of each line. A backslash at the end of a line joins it with the next; `#` begins a comment where a word
  /// could begin.
  ///
  /// - Throws: `InvalidInput` with the line's number for a quote that is never closed.
  static func lines(of text: String) throws -> [[ShellWord]] {
    var lines: [[ShellWord]] = [[]]
    var word: String.UnicodeScalarView?
    var (line, start) = (1, 1)
    var quote: (mark: Unicode.Scalar, line: Int)?
    var scalars = Substring(text).unicodeScalars
    // What editors on other systems put there.
    if scalars.first == "\u{FEFF}" { scalars.removeFirst() }

    func append(_ scalar: Unicode.Scalar) {
      if word == nil {
        word = .init()
        start = line
      }
      word?.append(scalar)
    }
    func endWord() {
      if let text = word { lines[lines.count - 1].append(ShellWord(text: String(text), line: start)) }
      word = nil
    }
    while let scalar = scalars.popFirst() {
      defer { if scalar == "\n" { line += 1 } }
      // Lines that end as on other systems.
      if scalar == "\r", scalars.first == "\n" || scalars.isEmpty { continue }
      if let (mark, _) = quote {
        if scalar == mark {
          quote = nil
        } else if scalar == "\\", mark == "\"", let next = scalars.first,
          "\"\\$`\n".unicodeScalars.contains(next)
        {
          scalars.removeFirst()
          if next == "\n" { line += 1 } else { append(next) }
        } else {
          append(scalar)
        }
        continue
      }
      switch scalar {
      case "\\":
        if scalars.first == "\r" { scalars.removeFirst() }
        guard let next = scalars.popFirst() else { break }
        if next == "\n" { line += 1 } else { append(next) }
      case "'", "\"":
        quote = (scalar, line)
        // Empty quotes are a word, too.
        if word == nil {
          word = .init()
          start = line
        }
      case "#" where word == nil:
        while let next = scalars.first, next != "\n" { scalars.removeFirst() }
      case "\n":
        endWord()
        lines.append([])
      case " ", "\t": endWord()
      default: append(scalar)
      }
    }
    if let quote {
      throw InvalidInput("\(quote.line): the quote \(quote.mark) that opens here is never closed")
    }
    endWord()
    return lines.filter { !$0.isEmpty }
  }
}
