// Keys from bytes, editing without a terminal, what of a line fits a window, and what is remembered.

import Foundation
import Platform
import TestSupport
import Testing

@testable import LineEditing

@Suite struct KeyTests {
  private func keys(_ text: String) -> [Key] {
    var decoder = KeyDecoder()
    return text.utf8.compactMap { decoder.take($0) }
  }

  @Test func bytesAreKeys() {
    #expect(keys("aÉ😀\r") == [.scalar("a"), .scalar("É"), .scalar("😀"), .enter])
    #expect(keys("\u{1B}[A\u{1B}OB\u{1B}[C\u{1B}[D") == [.up, .down, .right, .left])
    #expect(
      keys("\u{1B}[1~\u{1B}OF\u{1B}[3~\u{1B}[1;5D\u{1B}f") == [.home, .end, .delete, .wordLeft, .wordRight])
    #expect(
      keys("\u{3}\u{4}\u{7F}\u{8}\u{1A}") == [.interrupt, .endOfInput, .backspace, .backspace, .suspend])
  }

  /// Function keys, mouse reports, and bytes that no terminal sends: each is one key that means nothing.
  @Test func whatIsUnknownTypesNothing() {
    #expect(
      keys("\u{1B}[15~a\u{1B}[200~b\u{1B}xc") == [
        .unknown, .scalar("a"), .unknown, .scalar("b"), .unknown, .scalar("c"),
      ])
    var decoder = KeyDecoder()
    #expect([0xFF, 0xC3, 0x28, 0x61].compactMap { decoder.take($0) } == [.unknown, .unknown, .scalar("a")])
    #expect(decoder.take(0x1B) == nil && decoder.isWithinKey)
    #expect(decoder.giveUp() == .unknown && !decoder.isWithinKey)
    // However long a sequence gets, it ends.
    #expect(keys("\u{1B}[" + String(repeating: "1;", count: 500)).count > 10)
  }
}

@Suite struct EditedLineTests {
  private func edit(_ text: String, _ keys: Key...) -> EditedLine {
    var line = EditedLine(text)
    for key in keys { line.apply(key) }
    return line
  }

  @Test func keysDoWhatTheySay() {
    #expect(edit("abc", .left, .backspace).text == "ac")
    #expect(edit("abc", .home, .delete).text == "bc")
    #expect(edit("abc", .left, .left, .left, .left, .backspace).text == "abc")
    #expect(edit("one two  ", .cutWord).text == "one ")
    #expect(edit("one two", .wordLeft, .cutToStart).text == "two")
    #expect(edit("one two", .wordLeft, .cutToEnd, .home, .yank).text == "twoone ")
    #expect(edit("one two", .home, .wordRight, .cutToEnd).text == "one")
    #expect(edit("abc", .end, .delete, .right).text == "abc")
    #expect(edit("", .backspace, .delete, .cutWord, .yank, .wordLeft, .wordRight) == EditedLine(""))
  }

  @Test func whatOnePersonSeesAsOneCharacterIsOne() {
    var line = EditedLine("x")
    for scalar in "e\u{301}👩‍🔬".unicodeScalars { line.insert(scalar) }
    #expect(line.text == "xe\u{301}👩‍🔬" && line.characters.count == 3 && line.cursor == 3)
    line.deleteLeft()
    #expect(line.text == "xe\u{301}")
    line.deleteLeft()
    #expect(line.text == "x")
    line.moveToStart()
    line.insert("Ω")
    #expect(line.text == "Ωx" && line.cursor == 1)
  }

  @Test func aWindowShowsThePartWithTheCursor() {
    let short = VisiblePart(of: EditedLine("abc"), width: 20)
    #expect(short.text == "abc" && short.cursorColumn == 3)
    let long = edit("abcdefghij")
    #expect(VisiblePart(of: long, width: 5).text == "ghij")
    var home = long
    home.moveToStart()
    #expect(
      VisiblePart(of: home, width: 5).text == "abcd" && VisiblePart(of: home, width: 5).cursorColumn == 0)
    // Two columns each; an accent takes none.
    let wide = VisiblePart(of: EditedLine("日本語"), width: 6)
    #expect(wide.text == "本語" && wide.cursorColumn == 4)
    #expect(VisiblePart(of: EditedLine("e\u{301}e\u{301}"), width: 9).cursorColumn == 2)
    #expect(EditedLine("a\tb\u{202E}").shown.text == "a␉b�")
  }
}

@Suite struct HistoryTests {
  @Test func linesAreRememberedAndOnlyTheOwnerReadsThem() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/new/history"
    var history = LineHistory(path: path)
    for line in ["one", "", "two", "two", "Écho"] { history.add(line) }
    #expect(history.lines == ["one", "two", "Écho"])
    #expect(LineHistory(path: path).lines == ["one", "two", "Écho"])
    let status = try FileManager.default.attributesOfItem(atPath: path)
    #expect((status[.posixPermissions] as? Int) == 0o600)
  }

  @Test func theOldestGoAndTheModeStays() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/history"
    try folder.write((0..<2_000).map { "line \($0)\n" }.joined().utf8, to: "history")
    chmod(path, 0o600)
    #expect(LineHistory(path: path).lines.first == "line 1000")
    #expect(try folder.text("history").hasPrefix("line 1000\n"))
    let status = try FileManager.default.attributesOfItem(atPath: path)
    #expect((status[.posixPermissions] as? Int) == 0o600)
  }

  /// A device, a folder, a place without rights: this run remembers all the same.
  @Test(arguments: ["/dev/null", "/dev/full", "/", "/proc/nowhere/history"]) func whatCannotBeKept(
    path: String
  ) {
    var history = LineHistory(path: path)
    history.add("one")
    #expect(history.lines == ["one"])
  }
}
