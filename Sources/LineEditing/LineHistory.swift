// The lines that a user has typed, across runs: a small file of one line each, which only its owner can read. What cannot
// be written is remembered by this run alone.

import Glibc
import Platform

package struct LineHistory {
  /// Nil if nothing is kept.
  private let path: String?
  private(set) var lines: [String]
  /// Lines of the file beyond which the oldest go.
  private static let mostLines = 1_000
  private static let mostBytes = 1 << 20

  /// - Parameter path: of the file; nil remembers for this run alone.
  package init(path: String?) {
    self.path = path
    let bytes = path.flatMap { try? contentOfRegularFile($0, limit: Self.mostBytes) } ?? []
    let all = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    lines = all.suffix(Self.mostLines)
    if all.count > Self.mostLines + Self.mostLines / 2, let path {
      try? FileReplacement.replace(path, with: Array(lines.map { "\($0)\n" }.joined().utf8))
    }
  }

  /// `$XDG_STATE_HOME/microgpt/history`, else `~/.local/state/microgpt/history`; nil for a user without a home.
  package static var pathOfUser: String? {
    // A relative one is to be ignored, says the XDG base directory specification.
    if let folder = environmentVariable("XDG_STATE_HOME"), folder.hasPrefix("/") {
      return folder + "/microgpt/history"
    }
    guard let home = environmentVariable("HOME"), home.hasPrefix("/") else { return nil }
    return home + "/.local/state/microgpt/history"
  }

  /// Adds a line, unless it is empty or the last one again.
  package mutating func add(_ line: String) {
    guard !line.isEmpty, line != lines.last, !line.contains("\n") else { return }
    lines.append(line)
    guard let path else { return }
    try? createFolder(of: path)
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK
    guard let file = try? FileDescriptor(open: path, flags, mode: 0o600),
      let status = try? file.status(), FileKind(status) == .regular
    else { return }
    try? file.writeAll(Array("\(line)\n".utf8))
  }
}
