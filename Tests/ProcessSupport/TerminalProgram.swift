// A program at a terminal of its own: what it shows, and what a person types.

import Glibc
import Platform
import Testing

/// One process with a pseudoterminal as its controlling terminal and its three standard streams.
public final class TerminalProgram {
  public let pid: pid_t
  private let master: Int32
  private var status: Int32?
  /// Everything shown so far, escape sequences included.
  public private(set) var output = ""
  /// Where in `output` the next search begins.
  private var searched = 0

  /// What Glibc's module lacks: POSIX_SPAWN_SETSID.
  private static let setSession: Int16 = 0x80

  /// - Parameters:
  ///   - program: the name of a built program.
  ///   - environment: variables on top of those of this process.
  public init(
    _ program: String, _ arguments: [String], folder: String, environment: [String: String] = [:],
    columns: UInt16 = 80
  ) throws {
    let (master, window, slave) = try Self.openTerminal(columns: columns)
    defer { close(window) }
    self.master = master
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // The first terminal that a session's leader opens controls it.
    for descriptor in STDIN_FILENO...STDERR_FILENO {
      posix_spawn_file_actions_addopen(&actions, descriptor, slave, O_RDWR, 0)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) | Self.setSession)
    let command = ["sh", "-c", "cd \"$0\" && exec \"$@\"", folder, Job.path(of: program)] + arguments
    let variables = ChildProcess.inheritedEnvironment.merging(["TERM": "xterm"]) { $1 }
      .merging(environment) { $1 }
    var argumentPointers = command.map { strdup($0) } + [nil]
    var variablePointers = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in argumentPointers + variablePointers { free(pointer) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, "sh", &actions, &attributes, &argumentPointers, &variablePointers)
    guard code == 0 else { throw RuntimeFailure("cannot start \(program): \(systemError(code))") }
    self.pid = pid
  }

  /// A pseudo-terminal of 24 rows.
  /// - Returns: the end for a test, the end for a program, and the name of the latter.
  static func openTerminal(columns: UInt16) throws -> (controller: Int32, window: Int32, name: String) {
    var (controller, window): (Int32, Int32) = (-1, -1)
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    guard openpty(&controller, &window, nil, nil, &size) == 0, let name = ttyname(window) else {
      throw RuntimeFailure("the system gives no pseudo-terminal")
    }
    for end in [controller, window] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (controller, window, String(cString: name))
  }

  deinit {
    if status == nil {
      kill(pid, SIGKILL)
      _ = waitpid(pid, nil, 0)
    }
    close(master)
  }

  public func type(_ text: String) {
    _ = Array(text.utf8).withUnsafeBytes { writeFully(master, $0) }
  }

  /// Waits until `text` is shown, after what the last call has found.
  /// - Returns: whether it was.
  public func shows(_ text: String, seconds: Double = Job.limit) -> Bool {
    waitUntil(seconds: seconds) {
      pump()
      let bytes = Array(output.utf8)
      let wanted = Array(text.utf8)
      guard bytes.count >= searched + wanted.count else { return false }
      for start in searched...bytes.count - wanted.count
      where bytes[start] == wanted[0] && bytes[start..<start + wanted.count].elementsEqual(wanted) {
        searched = start + wanted.count
        return true
      }
      return false
    }
  }

  /// Whether the terminal is as a shell leaves it: lines are echoed and edited by the system, and keys are signals.
  public var isCooked: Bool {
    var settings = termios()
    let wanted = tcflag_t(ICANON | ECHO | ISIG)
    return tcgetattr(master, &settings) == 0 && settings.c_lflag & wanted == wanted
  }

  /// The exit status; 128 + signal if a signal ended it. Records an issue, and kills, if it takes longer.
  public func end(
    within seconds: Double = Job.limit, sourceLocation: SourceLocation = #_sourceLocation
  ) -> Int32 {
    let hasEnded = waitUntil(seconds: seconds) {
      pump()
      var code: Int32 = 0
      if status == nil, waitpid(pid, &code, WNOHANG) == pid {
        status = code & 0x7F == 0 ? code >> 8 & 0xFF : 128 + code & 0x7F
      }
      return status != nil
    }
    pump()
    if !hasEnded {
      Issue.record("still running after \(seconds) s: \(output)", sourceLocation: sourceLocation)
      return -1
    }
    return status ?? -1
  }

  private func pump() {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      var request = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
      guard poll(&request, 1, 0) > 0, request.revents & Int16(POLLIN) != 0 else { return }
      let count = read(master, &bytes, bytes.count)
      guard count > 0 else { return }
      output += String(decoding: bytes[..<count], as: UTF8.self)
    }
  }
}
