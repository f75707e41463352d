// A shell with job control in a terminal of its own, and keys that are pressed there.

import Glibc
import Platform
import TestSupport
import Testing

/// bash at a pseudo-terminal, whose screen can be read.
public final class TerminalJob {
  /// Programs that a test needs for it: of Debian's essential packages.
  public static let isPossible = ["bash", "setsid", "env"].allSatisfy { Machine.find($0) != nil }

  private let job: Job
  private let controller: Int32
  private var window: Int32
  public private(set) var screen: Screen
  /// Everything that was written, as it came.
  public private(set) var written = ""
  private var unread: [UInt8] = []

  public static let prompt = "ready> "

  /// - Parameter environment: of the shell, on top of this process's own.
  public init(columns: Int, folder: String, environment: [String: String] = [:]) throws {
    let terminal = try TerminalProgram.openTerminal(columns: UInt16(columns))
    (controller, window) = (terminal.controller, terminal.window)
    screen = Screen(columns: columns)
    let variables = ["TERM": "xterm-256color", "PS1": Self.prompt, "HISTFILE": "/dev/null"]
    job = try Job(
      command: [
        "sh", "-c", "exec <>\"$0\" >&0 2>&0; exec setsid -w -c bash --noprofile --norc --noediting -i",
        terminal.name,
      ], folder: folder, environment: variables.merging(environment) { $1 })
    _ = waits { $0.beforeCursor == Self.prompt }
  }

  deinit {
    close(controller)
    close(window)
  }

  public func press(_ keys: String) { _ = keys.withCString { Glibc.write(controller, $0, strlen($0)) } }

  /// A line of the shell's, as far as the echo of it is on the screen.
  public func type(_ line: String) {
    press(line + "\n")
    read()
  }

  public func resize(columns: Int) {
    read()
    var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(controller, UInt(TIOCSWINSZ), &size)
    screen.resize(columns: columns)
  }

  /// Reads until `condition` holds of the screen.
  /// - Returns: whether it came true.
  public func waits(seconds: Double = Job.limit, for condition: (Screen) -> Bool) -> Bool {
    waitUntil(seconds: seconds) {
      read()
      return condition(screen)
    }
  }

  /// Waits for the shell's prompt, alone in its line.
  public func isPrompted(seconds: Double = Job.limit) -> Bool {
    waits(seconds: seconds) { $0.beforeCursor == Self.prompt && $0.lines.last == "ready>" }
  }

  private func read() {
    var request = pollfd(fd: controller, events: Int16(POLLIN), revents: 0)
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while poll(&request, 1, 0) > 0, request.revents & Int16(POLLIN) != 0 {
      let count = Glibc.read(controller, &buffer, buffer.count)
      guard count > 0 else { return }
      unread += buffer[..<count]
      // A character may come in two pieces.
      guard let text = String(validating: unread, as: UTF8.self) else { continue }
      unread = []
      written += text
      screen.take(text)
    }
  }
}

extension Trait where Self == ConditionTrait {
  public static var needsTerminal: Self {
    .enabled(if: TerminalJob.isPossible, "bash or setsid is not installed")
  }
}
