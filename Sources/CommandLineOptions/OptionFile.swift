// The file behind an option such as `--config FILE`: options as they would be typed, one or more a line, or
// `name = value`; the text of a `Repeat with` line as it was printed.

import Platform

/// The words of an option file, as an argument vector.
struct OptionFile {
  let path: String
  private(set) var arguments: [String] = []
  /// Of each argument, from 1.
  private(set) var lines: [Int] = []

  /// Bytes of the longest file.
  static let longest = 1 << 20

  /// - Throws: `InvalidInput` with file and line: it cannot be read, is no text, or a line is not understood.
  init(_ path: String, for syntax: CommandSyntax, as option: String) throws {
    self.path = path
    let bytes: [UInt8]
    do {
      bytes = try contentOfRegularFile(path, limit: Self.longest)
    } catch {
      throw InvalidInput(
        "--\(option) \(quoted(path)) cannot be read: \(error); give a text file with one option a line, such as "
          + "`n-embd = 64`")
    }
    guard let text = String(validating: bytes, as: UTF8.self), !text.unicodeScalars.contains("\0") else {
      throw InvalidInput("--\(option) \(quoted(path)) is not a text in UTF-8; give one option a line")
    }
    do {
      for line in try ShellWords.lines(of: text) { try take(line, syntax) }
    } catch let error as InvalidInput {
      throw InvalidInput("\(visible(path)):\(error.message)")
    }
  }

  /// One line.
  private mutating func take(_ line: [ShellWord], _ syntax: CommandSyntax) throws {
    var words = line[...]
    if words.prefix(2).map(\.text) == ["Repeat", "with"] { words = words.dropFirst(2) }
    if let first = words.first, fileName(of: first.text) == syntax.program { words = words.dropFirst() }
    guard let first = words.first else { return }
    func refuse(_ problem: String, _ word: ShellWord? = nil) -> InvalidInput {
      InvalidInput("\((word ?? first).line): \(problem)")
    }
    if let next = words.first(where: { ["&&", "||", "|", ";"].contains($0.text) }) {
      throw refuse("\(quoted(next.text)) joins two commands; a file holds the options of one", next)
    }
    guard !first.text.hasPrefix("-") else {
      arguments += words.map(\.text)
      lines += words.map(\.line)
      return
    }
    // `name = value`, with or without spaces; a flag stands alone.
    let whole = words.map(\.text).joined(separator: "\u{1F}")
    let halves = whole.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(halves[0]).filter { $0 != "\u{1F}" }
    guard let option = syntax.option(named: name), words.count == 1 || halves.count == 2 else {
      let advice = syntax.option(named: first.text).map { "write \($0.name) = VALUE, or \($0.label)" }
      throw refuse(
        advice.map {
          "\(quoted(first.text)) is followed by \(quoted(words.dropFirst().first?.text ?? "")); \($0)"
        }
          ?? syntax.unknown(name.isEmpty ? first.text : name, written: name.isEmpty ? first.text : name)
          .message)
    }
    guard halves.count == 2 else {
      guard option.kind == .flag else {
        throw refuse("\(option.name) has no value; write \(option.name) = VALUE")
      }
      return add("--\(option.name)", first)
    }
    let values = halves[1].split(separator: "\u{1F}")
    guard values.count <= 1 else {
      throw refuse("\(option.name) has \(values.count) values; put one that has spaces into quotes")
    }
    let value = values.first.map(String.init) ?? ""
    guard option.kind == .flag else { return add("--\(option.name)=\(value)", first) }
    switch value.lowercased() {
    case "true", "yes", "on", "1": add("--\(option.name)", first)
    case "false", "no", "off", "0": break
    default: throw refuse("\(option.name) is a switch; write it alone, or with true or false")
    }
  }

  private mutating func add(_ argument: String, _ word: ShellWord) {
    arguments.append(argument)
    lines.append(word.line)
  }
}
