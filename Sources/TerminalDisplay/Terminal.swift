// What is known about the terminal behind an output stream. Not a drawing library.

import Foundation

/// Facts about standard output or standard error, read on demand: a window may be resized.
public struct Terminal: Sendable {
  public static let standardOutput = Terminal(descriptor: STDOUT_FILENO)
  public static let standardError = Terminal(descriptor: STDERR_FILENO)
  /// Columns assumed when there is no terminal.
  public static let pipedWidth = 80

  private let descriptor: Int32

  public init(descriptor: Int32) { self.descriptor = descriptor }

  /// Whether a person may be watching: false in a pipe, a file, a scheduler's log.
  public var isInteractive: Bool { isatty(descriptor) == 1 }

  /// Columns of the window, `pipedWidth` if there is none.
  public var width: Int {
    var size = winsize()
    guard isInteractive, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return Self.pipedWidth
    }
    return Int(size.ws_col)
  }
}
