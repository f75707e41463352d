// Fields on their way from rank 0 to the launcher that owns the terminal: lines of their own in rank 0's standard
// output. Pure.

import Platform

/// The fields of a live line, as one marked line of a stream.
public enum StatusLine {
  /// Begins such a line: ASCII's record separator, which no line of the log begins with.
  public static let mark: UInt8 = 0x1E
  private static let (fieldEnd, partEnd): (Character, Character) = ("\u{1D}", "\u{1F}")

  /// With its newline.
  public static func bytes(_ fields: [LiveField]) -> [UInt8] {
    let texts = fields.map { field in
      [
        String(field.importance), field.isSecondary ? "1" : "0", visible(field.long), visible(field.short),
      ].joined(separator: String(partEnd))
    }
    return [mark] + texts.joined(separator: String(fieldEnd)).utf8 + [UInt8(ascii: "\n")]
  }

  /// - Parameter line: without its newline.
  /// - Returns: nil if it is not such a line.
  public static func fields(_ line: some Collection<UInt8>) -> [LiveField]? {
    guard line.first == mark else { return nil }
    let text = String(decoding: line.dropFirst(), as: UTF8.self)
    var fields: [LiveField] = []
    for field in text.split(separator: fieldEnd) {
      let parts = field.split(separator: partEnd, omittingEmptySubsequences: false)
      guard parts.count == 4, let importance = Int(parts[0]) else { return nil }
      fields.append(
        LiveField(
          String(parts[2]), short: String(parts[3]), importance: importance, isSecondary: parts[1] == "1"))
    }
    return fields
  }
}

/// Tells status lines from all others in a stream that comes in any pieces.
public struct StatusSplitter: Sendable {
  /// The beginning of a line whose end has not come.
  private var unread: [UInt8] = []

  public init() {}

  /// - Parameter bytes: empty at the end of the stream.
  /// - Returns: whole lines to pass on, with their newlines, and the fields of the last status line.
  public mutating func take(_ bytes: [UInt8]) -> (lines: [UInt8], fields: [LiveField]?) {
    unread += bytes
    var (lines, fields): ([UInt8], [LiveField]?) = ([], nil)
    var rest = unread[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      // A pseudo-terminal between mpirun and its ranks may have added a carriage return.
      var line = rest[..<end]
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      if let found = StatusLine.fields(line) { fields = found } else { lines += rest[...end] }
      rest = rest[(end + 1)...]
    }
    if bytes.isEmpty, !rest.isEmpty {
      if rest.first != StatusLine.mark { lines += rest + [UInt8(ascii: "\n")] }
      rest = []
    }
    unread = Array(rest)
    return (lines, fields)
  }
}
