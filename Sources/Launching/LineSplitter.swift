// Bytes of a stream, which come in any pieces, as lines.

/// Cuts a stream at its newlines.
struct LineSplitter: Sendable {
  private var unread: [UInt8] = []

  /// The lines that `bytes` complete, without their newlines; invalid UTF-8 is replaced.
  mutating func take(_ bytes: [UInt8]) -> [String] {
    unread += bytes
    var lines: [String] = []
    while let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
      lines.append(String(decoding: unread[..<end], as: UTF8.self))
      unread.removeSubrange(...end)
    }
    return lines
  }

  /// What stands behind the last newline when the stream ends; nil if nothing does.
  mutating func end() -> String? {
    defer { unread = [] }
    return unread.isEmpty ? nil : String(decoding: unread, as: UTF8.self)
  }
}
