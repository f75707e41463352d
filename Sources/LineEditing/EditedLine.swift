// A line of text and the place in it where typing goes on.

import Platform

package struct EditedLine: Equatable, Sendable {
  /// What a person sees as one character each, however many scalars it has.
  private(set) var characters: [Character] = []
  /// Characters before the cursor, 0…count.
  private(set) var cursor = 0
  /// What was cut last.
  private var cut: [Character] = []

  package init(_ text: String = "") {
    characters = Array(text)
    cursor = characters.count
  }

  package var text: String { String(characters) }
  var isEmpty: Bool { characters.isEmpty }

  mutating func replace(with text: String) {
    characters = Array(text)
    cursor = characters.count
  }

  /// A scalar that belongs to the character before it, such as an accent, becomes part of that.
  mutating func insert(_ scalar: Unicode.Scalar) {
    let before = String(characters[..<cursor]) + String(Character(scalar))
    let joined = Array(before)
    characters.replaceSubrange(..<cursor, with: joined)
    cursor = joined.count
  }

  mutating func moveLeft() { cursor = max(0, cursor - 1) }
  mutating func moveRight() { cursor = min(characters.count, cursor + 1) }
  mutating func moveToStart() { cursor = 0 }
  mutating func moveToEnd() { cursor = characters.count }
  mutating func moveWordLeft() { cursor = wordStart }

  mutating func moveWordRight() {
    while cursor < characters.count, characters[cursor].isWhitespace { cursor += 1 }
    while cursor < characters.count, !characters[cursor].isWhitespace { cursor += 1 }
  }

  mutating func deleteLeft() {
    guard cursor > 0 else { return }
    cursor -= 1
    characters.remove(at: cursor)
  }

  mutating func deleteRight() {
    if cursor < characters.count { characters.remove(at: cursor) }
  }

  mutating func cutToStart() { cut(0..<cursor) }
  mutating func cutToEnd() { cut(cursor..<characters.count) }
  mutating func cutWord() { cut(wordStart..<cursor) }

  /// Inserts what was cut last.
  mutating func yank() {
    characters.insert(contentsOf: cut, at: cursor)
    cursor += cut.count
  }

  /// Puts a sign in the place of each character that a terminal would obey.
  mutating func hideCommands() {
    characters = characters.map { $0 == "\t" ? "␉" : visible(String($0)) == String($0) ? $0 : "�" }
  }

  private mutating func cut(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    cut = Array(characters[range])
    characters.removeSubrange(range)
    cursor = range.lowerBound
  }

  /// Where the word at the cursor begins, or the one before it.
  private var wordStart: Int {
    var start = cursor
    while start > 0, characters[start - 1].isWhitespace { start -= 1 }
    while start > 0, !characters[start - 1].isWhitespace { start -= 1 }
    return start
  }
}
