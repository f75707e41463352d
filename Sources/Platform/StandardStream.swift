// Lines on standard output and standard error that a full disk or a closed pipe cannot turn into a crash, as
// Foundation's FileHandle would.

import Foundation
import Synchronization

public enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  private static let hasFailed = Atomic<Bool>(false)

  /// Writes a line immediately and in one piece, so that lines of several processes do not mix; always one line,
  /// whatever names and texts of others it quotes (`visible`). If that fails the line is lost, which is reported
  /// on standard error the first time.
  public func line(_ text: String) { pass(Array((visible(text) + "\n").utf8)) }

  /// Writes a text that a model has made, as `line` does: as it is, but on a terminal only what that does not obey.
  public func generated(_ text: String) {
    let shown = Terminal(descriptor: rawValue).isInteractive ? visible(text, keeping: ["\n", "\t"]) : text
    pass(Array((shown + "\n").utf8))
  }

  /// Writes bytes as they are, which another process has meant for this stream. What is not taken is lost, as with
  /// `line`.
  public func pass(_ bytes: [UInt8]) {
    let error = bytes.withUnsafeBytes { writeFully(rawValue, $0).error }
    guard let error, self == .output else { return }
    let cause = systemError(error)
    if !Self.hasFailed.exchange(true, ordering: .relaxed) {
      Self.error.line("warning: standard output takes no more lines: \(cause); continuing without it")
    }
  }

  /// Writes the lines that a program was asked for, such as its help or a report: losing them is a failure.
  /// - Throws: `RuntimeFailure` when not all of it is taken.
  public func document(_ text: String) throws {
    if let error = Array((visible(text, keeping: ["\n"]) + "\n").utf8).withUnsafeBytes({
      writeFully(rawValue, $0).error
    }) {
      throw RuntimeFailure("cannot write to standard output: \(systemError(error))")
    }
  }
}

/// One line on standard error, in one piece.
public func printError(_ line: String) { StandardStream.error.line(line) }
