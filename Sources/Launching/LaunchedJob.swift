// A running mpirun under this process: signals and Ctrl-Z go in, its output and its status come out.

import Glibc
import Platform
import Synchronization
import TerminalDisplay

/// One launch, from start to end.
final class LaunchedJob {
  /// Seconds between the first request to stop and mpirun's way to end a job. Longer than ranks wait for a disk.
  private static let graceSeconds = 40.0
  /// The same after the second request: rank 0 saves within one, and its end is the job's.
  private static let endSeconds = 3.0
  /// Seconds that output still on its way may take after mpirun's end.
  private static let relaySeconds = 5.0
  /// mpirun passes a signal on to its ranks within milliseconds.
  private static let forwardingMicroseconds: UInt32 = 200_000

  private let signals: SignalQueue
  private let child: ChildProcess
  private let relays: [OutputRelay]
  private let output: RelayedOutput
  private let messages = MessageFilter()
  private var stopRequests = 0
  private var lastRequest = 0.0
  private var wasTerminated = false
  private var patience = CappedClock()

  /// - Parameter hasStatus: whether rank 0 says what a live line is to show.
  init(_ arguments: [String], environment: [String: String], hasStatus: Bool) throws {
    // Before the child exists: from now on no signal ends this process and leaves the job alone. SIGTTOU is output
    // that the terminal refuses to a background job.
    signals = try SignalQueue(
      [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTOU, SIGCONT, SIGCHLD])
    child = try ChildProcess(
      arguments, environment: environment, hasInput: true, output: .pipe, errors: .pipe, leadsGroup: true)
    let output = RelayedOutput(hasStatus: hasStatus)
    self.output = output
    relays = [
      try OutputRelay(of: child, errors: false) { output.receive($0) },
      try OutputRelay(of: child, errors: true) { [messages] in
        output.hasBegun()
        messages.receive($0)
      },
    ]
  }

  func run() -> Launcher.Outcome {
    while true {
      if let ending = child.poll() { return conclude(ending.status) }
      if let signal = signals.next(within: 0.2) { handle(signal) }
      if stopRequests > 0 {
        patience.tick()
        if patience.seconds > (stopRequests == 1 && !wasTerminated ? Self.graceSeconds : Self.endSeconds) {
          // One that hangs hears only the last of these.
          child.send(wasTerminated ? SIGKILL : SIGTERM)
          wasTerminated = true
          patience.reset()
        }
      }
    }
  }

  private func handle(_ signal: Int32) {
    switch signal {
    case SIGUSR1: child.send(line: LauncherWish.checkpoint.rawValue)
    case SIGUSR2: if stopRequests == 0 { requestStop() }
    case SIGINT, SIGTERM, SIGHUP: requestStop()
    case SIGTSTP, SIGTTOU: stopUntilContinued()
    case SIGCONT: child.send(SIGCONT)
    default: break
    }
  }

  private func requestStop() {
    guard stopRequests == 0 || monotonicSeconds() - lastRequest > SignalRequests.echoSeconds else { return }
    stopRequests += 1
    lastRequest = monotonicSeconds()
    patience.reset()
    switch stopRequests {
    case 1:
      printError(SignalRequests.promise)
      child.send(line: LauncherWish.stop.rawValue)
    // Not by SIGTERM: mpirun, if it is just ending, dies of it.
    case 2: child.send(line: LauncherWish.end.rawValue)
    default: child.send(SIGKILL)
    }
  }

  private func stopUntilContinued() {
    child.send(SIGTSTP)
    usleep(Self.forwardingMicroseconds)
    // It must not start ranks meanwhile.
    child.send(SIGSTOP)
    // The SIGCONT that ends this comes through the queue like any other signal.
    Display.hidden { raise(SIGSTOP) }
  }

  private func conclude(_ status: Int32) -> Launcher.Outcome {
    for relay in relays { relay.wait(seconds: Self.relaySeconds) }
    output.end()
    signals.close()
    if stopRequests == 0, let cause = messages.death ?? Self.death(status) { printError("error: \(cause)") }
    return Launcher.Outcome(status: status, wasAskedToStop: stopRequests > 0)
  }

  /// What a status says where mpirun says nothing.
  private static func death(_ status: Int32) -> String? {
    guard (129...128 + 64).contains(status) else { return nil }
    return "a rank was ended by signal \(status - 128) (\(String(cString: strsignal(status - 128))))"
  }
}

/// Standard output of rank 0, and what it wants a live line to show.
private final class RelayedOutput: DisplaySource {
  private struct State {
    var splitter = StatusSplitter()
    var fields: [LiveField] = []
    /// Until the ranks say something.
    var starting: Activity?
  }
  private let state: Mutex<State>
  private let hasStatus: Bool

  init(hasStatus: Bool) {
    self.hasStatus = hasStatus
    state = Mutex(State(starting: Activity.begin("waiting for mpirun to start the ranks")))
    if hasStatus { Display.show(self) }
  }

  /// - Parameter bytes: empty at the end.
  func receive(_ bytes: [UInt8]) {
    hasBegun()
    guard hasStatus else { return StandardStream.output.pass(bytes) }
    let lines = state.withLock { state in
      let (lines, fields) = state.splitter.take(bytes)
      if let fields { state.fields = fields }
      return lines
    }
    if !lines.isEmpty { StandardStream.output.pass(lines) }
  }

  func hasBegun() {
    state.withLock { state in
      state.starting?.end()
      state.starting = nil
    }
  }

  func end() {
    hasBegun()
    state.withLock { $0.fields = [] }
  }

  func fields(at now: Double, isBusy: Bool) -> [LiveField] { state.withLock { $0.fields } }
  func delay(at now: Double) -> String? { nil }
}

/// Standard error of mpirun, cut into lines.
private final class MessageFilter: Sendable {
  private struct State {
    var messages = MpirunMessages()
    var splitter = LineSplitter()
  }
  private let state = Mutex(State())

  var death: String? { state.withLock { $0.messages.death } }

  /// - Parameter bytes: empty at the end.
  func receive(_ bytes: [UInt8]) {
    let lines = state.withLock { state in
      var lines = state.splitter.take(bytes)
      if bytes.isEmpty, let rest = state.splitter.end() { lines.append(rest) }
      var printed = lines.flatMap { state.messages.take($0) }
      if bytes.isEmpty { printed += state.messages.end() }
      return printed
    }
    for line in lines { printError(line) }
  }
}
