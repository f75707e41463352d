// What is known about the terminal behind an output stream.

import Foundation
import Platform

/// Facts about standard output or standard error, read on demand: a window may be resized.
public struct Terminal: Sendable {
  public static let standardOutput = Terminal(descriptor: STDOUT_FILENO)
  public static let standardError = Terminal(descriptor: STDERR_FILENO)
  /// Columns assumed when there is no terminal.
  public static let pipedWidth = 80

  let descriptor: Int32

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

  /// Whether a line can be drawn again in its place: a terminal that obeys more than newlines.
  public var canRedraw: Bool {
    guard isInteractive else { return false }
    return !["", "dumb", "unknown"].contains(environmentVariable("TERM") ?? "")
  }

  /// Whether colours are wanted: `NO_COLOR`, if not empty, and simple terminals have none (no-color.org).
  public var hasColors: Bool { canRedraw && (environmentVariable("NO_COLOR") ?? "").isEmpty }

  /// Whether lines that are longer than a window which has become narrower go on in the next row, as they do in all
  /// terminals of today but xterm and the console of the kernel.
  var reflows: Bool {
    let isOfTmux = environmentVariable("TMUX") != nil
    return isOfTmux || environmentVariable("XTERM_VERSION") == nil && environmentVariable("TERM") != "linux"
  }

  /// Whether what is written to `other` appears on the same screen.
  func isSame(as other: Terminal) -> Bool {
    guard isInteractive, other.isInteractive else { return false }
    var (mine, others) = (stat(), stat())
    guard fstat(descriptor, &mine) == 0, fstat(other.descriptor, &others) == 0 else { return false }
    return mine.st_rdev == others.st_rdev
  }

  /// Whether the shell has given the terminal to this process: behind its prompt nothing is to be drawn.
  var isOurs: Bool {
    let foreground = tcgetpgrp(descriptor)
    // One that is not our controlling terminal has no shell that could want it back.
    return foreground < 0 ? errno == ENOTTY : foreground == getpgrp()
  }

  /// Whether bytes would be taken now: no Ctrl-S, and an other end that reads.
  var isReady: Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return poll(&request, 1, 0) > 0 && request.revents & Int16(POLLOUT) != 0
  }
}
