// The text that generation begins with: from the command line, a file or standard input.

import CommandLineOptions
import Glibc
import Platform

enum PromptText {
  /// Bytes of a file or of standard input that may be a prompt.
  static let mostBytes = 64 << 20

  /// The user's prompt, escapes resolved on request; nil for none.
  /// - Throws: `InvalidInput` naming the option and what is wrong.
  static func of(_ options: ParsedOptions) throws -> String? {
    var text = options[SamplerOptions.prompt]
    if let file = options[SamplerOptions.promptFile] {
      text = withoutLastLineEnd(try TextInput.read(file, for: "--prompt-file", limit: mostBytes))
    }
    guard options[SamplerOptions.escapes], let given = text else { return text }
    return try resolvingEscapes(
      given, in: options.isGiven(SamplerOptions.prompt) ? "--prompt" : "--prompt-file")
  }

  /// - Throws: `InvalidInput`
  static func stops(_ options: ParsedOptions) throws -> [String] {
    let stops = options[SamplerOptions.stop]
    return options[SamplerOptions.escapes] ? try stops.map { try resolvingEscapes($0, in: "--stop") } : stops
  }

  /// Editors end a file with a line end that nobody has typed; llama.cpp leaves it out, too.
  static func withoutLastLineEnd(_ text: String) -> String {
    var scalars = text.unicodeScalars
    if scalars.last == "\n" {
      scalars.removeLast()
      if scalars.last == "\r" { scalars.removeLast() }
    }
    return String(scalars)
  }

  /// - Parameter name: where the text is from, for the message.
  /// - Throws: `InvalidInput` for a backslash before anything else than n, t, r, a backslash, or `u{…}`.
  static func resolvingEscapes(_ text: String, in name: String) throws -> String {
    var result = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      guard scalar == "\\" else {
        result.append(scalar)
        continue
      }
      guard let resolved = escaped(&rest) else {
        throw InvalidInput(
          "\(name) has a backslash before \(quoted(String(rest.prefix(10)))); with --escapes, allowed: "
            + #"\n \t \r \\ and \u{C4}, a code point in hexadecimal digits"#)
      }
      result.append(resolved)
    }
    return String(result)
  }

  /// What follows a backslash; leaves `rest` as it is if that is no escape.
  private static func escaped(_ rest: inout Substring.UnicodeScalarView) -> Unicode.Scalar? {
    let simple: [Unicode.Scalar: Unicode.Scalar] = ["n": "\n", "t": "\t", "r": "\r", "\\": "\\"]
    guard let first = rest.first else { return nil }
    if let scalar = simple[first] {
      rest.removeFirst()
      return scalar
    }
    guard first == "u", rest.dropFirst().first == "{", let end = rest.firstIndex(of: "}"),
      let value = UInt32(String(rest[..<end].dropFirst(2)), radix: 16), let scalar = Unicode.Scalar(value)
    else { return nil }
    rest = rest[rest.index(after: end)...]
    return scalar
  }
}

/// A whole text that the user names.
enum TextInput {
  /// - Parameters:
  ///   - path: - is standard input.
  ///   - option: which names it, for messages.
  ///   - limit: the most bytes.
  /// - Returns: the text without a byte order mark.
  /// - Throws: `InvalidInput` naming the file and what is wrong.
  static func read(_ path: String, for option: String, limit: Int) throws -> String {
    let name = path == "-" ? "standard input" : "\(option) \(path)"
    var bytes: [UInt8]
    do {
      bytes = path == "-" ? try standardInput(limit: limit) : try contentOfRegularFile(path, limit: limit)
    } catch let failure as RuntimeFailure {
      throw InvalidInput(
        "\(name): \(failure); give a text file of at most \(Readable.bytes(limit)), or - for standard input")
    }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw InvalidInput("\(name) is not UTF-8 (at byte \(firstInvalid(bytes))); give text in UTF-8")
    }
    return text
  }

  private static func standardInput(limit: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(STDIN_FILENO, &chunk, chunk.count)
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      guard count >= 0 else { throw RuntimeFailure(systemError()) }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
      guard bytes.count <= limit else { throw RuntimeFailure("it has more than \(Readable.bytes(limit))") }
    }
  }

  /// The first byte, from 1, that no text can have there.
  private static func firstInvalid(_ bytes: [UInt8]) -> Int {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var valid = 0
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      valid += String(Character(scalar)).utf8.count
    }
    return valid + 1
  }
}
