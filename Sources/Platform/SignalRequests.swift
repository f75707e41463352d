// Requests that arrive at a running rank as signals. Handlers only set bits; the training loop reads them
// once per step and puts them into the step's record, so that all ranks act at the same step.

import Glibc
import Synchronization

/// Requests left by signals: SIGTERM, SIGINT, SIGUSR2: checkpoint and stop; SIGUSR1: checkpoint and go on.
public struct SignalRequests: OptionSet, Sendable {
  public let rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let checkpoint = SignalRequests(rawValue: 1)
  public static let stop = SignalRequests(rawValue: 2)

  private static let bits = Atomic<UInt64>(0)
  /// Monotonic clock in milliseconds at the first SIGINT; 0 = never.
  private static let interruptTime = Atomic<Int>(0)
  /// Seconds within which two requests to stop are one: `timeout` signals its child, then its child's group.
  public static let echoSeconds = 0.3
  /// Monotonic clock in milliseconds at the first SIGTERM; 0 = never.
  private static let terminationTime = Atomic<Int>(0)
  private static let continuations = Atomic<Int>(0)

  /// Installs the handlers; call on the main thread, before training and before other threads start. A second
  /// SIGINT ends the process at once.
  ///
  /// mpirun passes a signal to every rank, but not at the same instant: ranks may put the same request into
  /// the records of two neighbouring steps.
  public static func install() {
    // Handlers must not be the first to touch lazily initialized globals.
    _ = bits.load(ordering: .relaxed)
    _ = interruptTime.load(ordering: .relaxed)
    _ = echoSeconds
    _ = promiseLine
    _ = terminationTime.load(ordering: .relaxed)
    _ = continuations.load(ordering: .relaxed)
    _ = StandardStream.liveLine
    handle(SIGUSR1) { _ in SignalRequests.request(.checkpoint) }
    handle(SIGUSR2) { _ in SignalRequests.request([.checkpoint, .stop]) }
    handle(SIGTERM) { _ in SignalRequests.terminate() }
    // A terminal that closes asks for the same; nohup has asked that it should not.
    if !isIgnored(SIGHUP) { handle(SIGHUP) { _ in SignalRequests.terminate() } }
    handle(SIGCONT) { _ in SignalRequests.continuations.wrappingAdd(1, ordering: .relaxed) }
    handle(SIGINT) { _ in SignalRequests.interrupt() }
    // The parent process may have left them blocked.
    var handled = sigset_t()
    sigemptyset(&handled)
    for number in [SIGUSR1, SIGUSR2, SIGTERM, SIGHUP, SIGINT] { sigaddset(&handled, number) }
    pthread_sigmask(SIG_UNBLOCK, &handled, nil)
  }

  /// Nothing is left to save: from now on SIGTERM and SIGINT end the process, SIGUSR1 and SIGUSR2 do nothing.
  ///
  /// Not for a run that ends on request: a signal may still be on its way to this rank.
  public static func ignoreWishes() {
    for number in [SIGUSR1, SIGUSR2] { signal(number, SIG_IGN) }
    for number in [SIGTERM, SIGINT] { signal(number, SIG_DFL) }
    if !isIgnored(SIGHUP) { signal(SIGHUP, SIG_DFL) }
  }

  /// SIGCONTs so far. mpirun sends one a second before its SIGTERM; resuming a paused job sends one too.
  public static var continuationCount: Int { continuations.load(ordering: .relaxed) }

  /// Seconds since the first SIGTERM, after which a launcher or a scheduler may kill at any moment.
  public static var secondsSinceTermination: Double? {
    let time = terminationTime.load(ordering: .relaxed)
    return time == 0 ? nil : monotonicSeconds() - Double(time) / 1000
  }

  /// Requests to this rank that have not been taken yet.
  public static var pending: SignalRequests { SignalRequests(rawValue: bits.load(ordering: .relaxed)) }

  /// Takes the requests for this step's record; each is handed out once.
  public static func take() -> SignalRequests {
    SignalRequests(rawValue: bits.exchange(0, ordering: .relaxed))
  }

  /// Adds a request that has come by another way than a signal.
  public static func add(_ wish: SignalRequests) { request(wish) }

  /// The answer to a first Ctrl-C.
  public static var promise: String { String(promiseLine.description.dropLast()) }
  /// For a handler, which must not allocate.
  private static let promiseLine: StaticString = "stopping after this step, then saving; again: end now\n"

  private static func interrupt() {
    let now = Int(monotonicSeconds() * 1000)
    let (isFirst, first) = interruptTime.compareExchange(expected: 0, desired: now, ordering: .relaxed)
    guard isFirst else {
      guard Double(now - first) > echoSeconds * 1000 else { return }
      StandardStream.clearLiveLine(isLast: true)
      _exit(128 + SIGINT)
    }
    request([.checkpoint, .stop])
    // Whoever pressed a key sees at once that it was heard.
    if isatty(STDERR_FILENO) == 1 {
      StandardStream.clearLiveLine()
      promiseLine.withUTF8Buffer { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
  }

  private static func terminate() {
    _ = terminationTime.compareExchange(
      expected: 0, desired: Int(monotonicSeconds() * 1000), ordering: .relaxed)
    request([.checkpoint, .stop])
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    sigaction(number, nil, &action)
    return action.isIgnoring
  }

  private static func request(_ wish: SignalRequests) {
    bits.bitwiseOr(wish.rawValue, ordering: .relaxed)
  }

  private static func handle(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
    var action = sigaction()
    action.__sigaction_handler.sa_handler = handler
    sigemptyset(&action.sa_mask)
    // Reads and writes in progress continue; the request waits for the end of the step.
    action.sa_flags = SA_RESTART
    sigaction(number, &action, nil)
  }
}
