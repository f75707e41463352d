// A terminal that passes on keys one by one, and the promise that it is given back as it was: after a line, on every
// signal that ends or stops the process, and at an exit in between.

import Glibc
import Platform
import Synchronization

/// Standard input as a terminal in raw mode, from `enter` to `leave`. One at a time.
enum RawTerminal {
  /// What handlers restore. Made once, before a handler can look.
  nonisolated(unsafe) private static let original = UnsafeMutablePointer<termios>.allocate(capacity: 1)
  private static let isRaw = Atomic<Bool>(false)
  /// Continued after a stop: the mode may be another, and the line is to be drawn again.
  private static let wasContinued = Atomic<Bool>(false)
  private static let restoreAtEnd: Void = { Surroundings.atEnd { RawTerminal.leave() } }()
  nonisolated(unsafe) private static var previous: [(signal: Int32, action: sigaction)] = []

  /// - Returns: whether standard input is a terminal that can be.
  static func enter() -> Bool {
    guard tcgetattr(STDIN_FILENO, original) == 0 else { return false }
    _ = restoreAtEnd
    handleSignals()
    setRaw()
    return true
  }

  /// Idempotent.
  static func leave() {
    guard isRaw.exchange(false, ordering: .sequentiallyConsistent) else { return }
    _ = tcsetattr(STDIN_FILENO, TCSADRAIN, original)
    for (signal, action) in previous {
      var action = action
      sigaction(signal, &action, nil)
    }
    previous = []
  }

  /// Stops this process as Ctrl-Z does, the terminal restored meanwhile.
  static func suspend() { kill(getpid(), SIGTSTP) }

  /// Whether the process was stopped and goes on since this was last asked; the terminal is raw again.
  static func takeContinuation() -> Bool {
    guard wasContinued.exchange(false, ordering: .relaxed) else { return false }
    setRaw()
    return true
  }

  private static func setRaw() {
    var raw = original.pointee
    raw.c_iflag &= ~tcflag_t(BRKINT | ICRNL | INPCK | ISTRIP | IXON)
    raw.c_cflag |= tcflag_t(CS8)
    raw.c_lflag &= ~tcflag_t(ECHO | ICANON | IEXTEN | ISIG)
    _ = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw)
    isRaw.store(true, ordering: .sequentiallyConsistent)
  }

  private static func handleSignals() {
    // Handlers must not be the first to touch lazily initialized globals.
    _ = isRaw.load(ordering: .relaxed)
    _ = wasContinued.load(ordering: .relaxed)
    // Without SA_RESTART: a read ends, so that the line is drawn again.
    handle(SIGCONT) { _ in RawTerminal.wasContinued.store(true, ordering: .relaxed) }
    handle(SIGWINCH) { _ in }
    handle(SIGINT) { _ in }
    for signal in [SIGTERM, SIGHUP, SIGQUIT, SIGTSTP] {
      handle(signal) { signal in
        let error = errno
        _ = tcsetattr(STDIN_FILENO, TCSANOW, RawTerminal.original)
        // With what the signal does by itself; the handler is back after a stop.
        var action = sigaction()
        action.__sigaction_handler.sa_handler = SIG_DFL
        var old = sigaction()
        sigaction(signal, &action, &old)
        var mask = sigset_t()
        sigemptyset(&mask)
        sigaddset(&mask, signal)
        raise(signal)
        sigprocmask(SIG_UNBLOCK, &mask, nil)
        sigprocmask(SIG_BLOCK, &mask, nil)
        sigaction(signal, &old, nil)
        errno = error
      }
    }
  }

  private static func handle(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
    var old = sigaction()
    sigaction(number, nil, &old)
    // nohup, and a shell without job control, have asked that it should not be heard.
    if [SIGHUP, SIGTSTP].contains(number), isIgnoring(old) { return }
    var new = sigaction()
    new.__sigaction_handler.sa_handler = handler
    sigemptyset(&new.sa_mask)
    sigaction(number, &new, nil)
    previous.append((number, old))
  }

  private static func isIgnoring(_ action: sigaction) -> Bool {
    unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
