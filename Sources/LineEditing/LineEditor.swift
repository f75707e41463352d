// Reads lines: at a terminal with editing and history, elsewhere as they come.

import Glibc
import Platform
import TerminalDisplay

package final class LineEditor {
  package enum Answer: Equatable, Sendable {
    case line(String)
    case end
  }

  /// Shown before the line at a terminal.
  private let prompt: String
  /// The answer to Ctrl-C at an empty line.
  private let wayOut: String
  /// Whether standard input and output are a terminal that can move its cursor.
  package let isEditing: Bool
  private var history: LineHistory
  private var decoder = KeyDecoder()
  private var buffered: [UInt8] = []

  package init(prompt: String, wayOut: String, history: LineHistory) {
    self.prompt = prompt
    self.wayOut = wayOut
    self.history = history
    isEditing = isatty(STDIN_FILENO) == 1 && Terminal.standardOutput.canRedraw
  }

  /// The next line, without its end.
  /// - Throws: `InvalidInput` for a line that is not UTF-8.
  package func read() throws -> Answer {
    guard isEditing, RawTerminal.enter() else { return try readPlain() }
    defer { RawTerminal.leave() }
    return edit()
  }

  // MARK: Editing

  private func edit() -> Answer {
    var line = EditedLine()
    // Position in the history; its end is the line that is being typed.
    var place = history.lines.count
    var typed = ""
    draw(line)
    while let key = nextKey() {
      switch key {
      case .enter:
        line.moveToEnd()
        draw(line)
        show("\r\n")
        history.add(line.text)
        return .line(line.text)
      case .interrupt:
        show("\r\n")
        // Said from here: between two modes of the terminal a key can get lost.
        if line.isEmpty { show("\(wayOut)\r\n") }
        line.replace(with: "")
        place = history.lines.count
      case .endOfInput:
        guard line.isEmpty else {
          line.deleteRight()
          break
        }
        show("\r\n")
        return .end
      case .suspend:
        show("\r\n")
        RawTerminal.suspend()
      case .up where place > 0, .down where place < history.lines.count:
        if place == history.lines.count { typed = line.text }
        place += key == .up ? -1 : 1
        line.replace(with: place == history.lines.count ? typed : history.lines[place])
      case .clearScreen: show("\u{1B}[H\u{1B}[2J")
      case .scalar(let scalar): line.insert(scalar)
      case .tab: line.insert("\t")
      default: line.apply(key)
      }
      draw(line)
    }
    show("\r\n")
    return .end
  }

  private func draw(_ line: EditedLine) {
    let width = Terminal.standardOutput.width
    let part = VisiblePart(of: line.shown, width: max(2, width - prompt.count))
    let column = prompt.count + part.cursorColumn
    show("\r\(prompt)\(part.text)\u{1B}[K\r" + (column > 0 ? "\u{1B}[\(column)C" : ""))
  }

  private func show(_ text: String) {
    _ = Array(text.utf8).withUnsafeBytes { writeFully(STDOUT_FILENO, $0) }
  }

  /// Nil at the end of the input. A signal is a key that means nothing, so that the line is drawn again.
  private func nextKey() -> Key? {
    while true {
      if RawTerminal.takeContinuation() { return .unknown }
      if let byte = buffered.first {
        buffered.removeFirst()
        if let key = decoder.take(byte) { return key }
        continue
      }
      var request = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      // The bytes of one key come together. A signal just before this call does not end it, so it ends by itself.
      let ready = poll(&request, 1, decoder.isWithinKey ? 100 : 250)
      if ready == 0 {
        if decoder.isWithinKey { return decoder.giveUp() }
        continue
      }
      if ready < 0 {
        if errno == EINTR { return .unknown }
        return nil
      }
      var bytes = [UInt8](repeating: 0, count: 1024)
      let count = Glibc.read(STDIN_FILENO, &bytes, bytes.count)
      if count > 0 {
        buffered += bytes[..<count]
      } else if count == 0 || errno != EINTR && errno != EAGAIN {
        return nil
      }
    }
  }

  // MARK: Without a terminal

  private func readPlain() throws -> Answer {
    var bytes: [UInt8] = []
    var hasEnded = false
    while true {
      if let end = buffered.firstIndex(of: UInt8(ascii: "\n")) {
        bytes += buffered[..<end]
        buffered.removeFirst(end + 1)
        break
      }
      bytes += buffered
      buffered = []
      if hasEnded {
        if bytes.isEmpty { return .end }
        break
      }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let count = Glibc.read(STDIN_FILENO, &chunk, chunk.count)
      if count > 0 {
        buffered = Array(chunk[..<count])
      } else if count == 0 || errno != EINTR && errno != EAGAIN {
        hasEnded = true
      }
    }
    if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    guard let line = String(validating: bytes, as: UTF8.self) else {
      throw InvalidInput("a line of standard input is not UTF-8; give text in UTF-8")
    }
    return .line(line)
  }
}

extension EditedLine {
  /// Keys that move and delete.
  mutating func apply(_ key: Key) {
    switch key {
    case .left: moveLeft()
    case .right: moveRight()
    case .home: moveToStart()
    case .end: moveToEnd()
    case .wordLeft: moveWordLeft()
    case .wordRight: moveWordRight()
    case .backspace: deleteLeft()
    case .delete: deleteRight()
    case .cutToStart: cutToStart()
    case .cutToEnd: cutToEnd()
    case .cutWord: cutWord()
    case .yank: yank()
    default: break
    }
  }

  /// As a terminal may show it: a tab, and whatever else it would obey, as one sign.
  var shown: EditedLine {
    var shown = self
    shown.hideCommands()
    return shown
  }
}
