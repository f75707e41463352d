// One child started with posix_spawn from an argument vector.

import Diagnostics
import Glibc

struct ChildProcess {
  let processIdentifier: pid_t

  /// Starts `arguments[0]` with this process's environment and `variables` on top, default signal handling,
  /// standard input from /dev/null, in a process group of its own: the terminal's Ctrl-C reaches the parent
  /// only, which decides what to pass on.
  ///
  /// - Throws: `RuntimeFailure` when the system refuses.
  init(arguments: [String], variables: [String: String], isSilent: Bool = false) throws {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    if isSilent {
      posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
      posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    }
    let argumentPointers = arguments.map { strdup($0) } + [nil]
    let environmentPointers = Self.environment(adding: variables).map { strdup($0) } + [nil]
    defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
    var identifier: pid_t = 0
    let status = posix_spawn(
      &identifier, arguments[0], &actions, &attributes, argumentPointers, environmentPointers)
    guard status == 0 else {
      throw RuntimeFailure("cannot start \(arguments[0]): \(String(cString: strerror(status)))")
    }
    processIdentifier = identifier
  }

  /// The exit status if the child has ended, 128 + signal if a signal ended it; collects it once.
  func poll() -> Int32? {
    var status: Int32 = 0
    guard waitpid(processIdentifier, &status, WNOHANG) == processIdentifier else { return nil }
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }

  func send(_ signal: Int32) { kill(processIdentifier, signal) }

  /// Waits at most `seconds`, then kills; nil if it had to.
  func wait(seconds: Double) -> Int32? {
    var clock = CappedClock()
    while clock.seconds < seconds {
      if let status = poll() { return status }
      usleep(20_000)
      clock.tick()
    }
    send(SIGKILL)
    var status: Int32 = 0
    waitpid(processIdentifier, &status, 0)
    return nil
  }

  private static func environment(adding variables: [String: String]) -> [String] {
    var result: [String] = []
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if variables[String(text.prefix { $0 != "=" })] == nil { result.append(text) }
      next += 1
    }
    return result + variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
  }
}
