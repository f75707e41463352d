// How this process shows what it is doing: on a live line, through the launcher above it, or in plain lines.

import Glibc
import Platform
import Synchronization

/// What is to be shown while nothing more particular is under way.
public protocol DisplaySource: AnyObject, Sendable {
  /// For a live line.
  ///
  /// - Parameters:
  ///   - now: seconds of the monotonic clock.
  ///   - isBusy: whether something more particular stands before them.
  func fields(at now: Double, isBusy: Bool) -> [LiveField]
  /// For plain lines: what takes unusually long, in words; nil while all goes as one knows it.
  func delay(at now: Double) -> String?
}

/// The thread that shows it. One a process.
public enum Display {
  public enum Manner: Sendable {
    /// Below all lines of a terminal.
    case live(LiveLine)
    /// As marked lines of standard output, for the launcher that owns the terminal.
    case relayed
    /// Lines on standard error about what takes long.
    case plain
  }

  private static let source = Mutex<(any DisplaySource)?>(nil)
  private static let hasStarted = Atomic<Bool>(false)

  /// Seconds between two looks.
  private static let interval: UInt32 = 100_000
  /// Shorter activities are over before somebody has read of them.
  private static let shortest = 0.25

  private static let line = Mutex<LiveLine?>(nil)

  /// - Throws: `RuntimeFailure` if the system gives no thread.
  public static func start(_ manner: Manner) throws {
    guard !hasStarted.exchange(true, ordering: .relaxed) else { return }
    if case .live(let new) = manner {
      new.take()
      line.withLock { $0 = new }
    }
    if case .plain = manner {} else { shows.store(true, ordering: .relaxed) }
    if case .relayed = manner { relays.store(true, ordering: .relaxed) }
    _ = try BackgroundThread(name: "display") { show(in: manner) }
  }

  private static let shows = Atomic<Bool>(false)
  private static let relays = Atomic<Bool>(false)

  /// Whether what `show` is given stands on a live line, of this process or of its launcher.
  public static var isShown: Bool { shows.load(ordering: .relaxed) }

  /// Whether this process draws a live line.
  public static var isLive: Bool { line.withLock { $0 } != nil }

  /// Runs `body`, in which this process may be stopped, with nothing of a live line on the terminal.
  public static func hidden(while body: () -> Void) {
    guard let line = line.withLock({ $0 }) else { return body() }
    line.hidden(while: body)
  }

  /// From now on, until another one takes its place.
  public static func show(_ new: (any DisplaySource)?) {
    source.withLock { $0 = new }
    // Lines that follow may be the last: the launcher is not to wait for the thread.
    if new == nil, relays.load(ordering: .relaxed) { StandardStream.output.pass(StatusLine.bytes([])) }
  }

  private static func show(in manner: Manner) {
    var relay = StatusRelay()
    var plain = PlainProgress()
    while true {
      let now = monotonicSeconds()
      switch manner {
      case .live(let line): line.draw(fields(at: now))
      case .relayed: relay.show(fields(at: now), at: now)
      case .plain:
        let moment = Activity.current
        let delay = moment == nil ? source.withLock { $0 }?.delay(at: now) : nil
        // Standard error may be a terminal that takes nothing.
        if let line = plain.line(
          moment, delay: delay, silence: now - StandardStream.lastLineSeconds, at: now),
          StandardStream.error.isReady
        {
          printError(line)
        }
      }
      usleep(interval)
    }
  }

  private static func fields(at now: Double) -> [LiveField] {
    let moment = Activity.current.flatMap { now - $0.began > shortest ? $0 : nil }
    let own = source.withLock { $0 }?.fields(at: now, isBusy: moment != nil) ?? []
    guard let moment else { return own }
    let seconds = now - moment.began
    let text =
      moment.isCounted || seconds < 2 ? moment.text : "\(moment.text), \(Readable.duration(seconds: seconds))"
    return [LiveField(text, short: moment.text, importance: .max)] + own
  }
}

/// When fields are worth a line to the launcher.
private struct StatusRelay {
  private var last: [LiveField] = []
  private var lastTime = -Double.infinity
  /// Bytes of the log that its reader may be behind.
  private static let mostQueued = 4096

  mutating func show(_ fields: [LiveField], at now: Double) {
    guard fields != last, now - lastTime > 0.2, StandardStream.queuedBytes < Self.mostQueued else { return }
    (last, lastTime) = (fields, now)
    StandardStream.output.pass(StatusLine.bytes(fields))
  }
}

/// Lines about what takes long, where nothing can be drawn: after two silent seconds, then every few, and every half
/// minute when it has lasted for one. Pure.
struct PlainProgress {
  private static let (first, later, long) = (1.8, 4.5, 30.0)
  /// Seconds after which something is no longer short.
  private static let shortest = 1.0
  /// What the last line was about, and when the first one was.
  private var told: (began: Double, first: Double)?

  /// - Parameters:
  ///   - moment: what is under way.
  ///   - delay: what takes unusually long, otherwise.
  ///   - silence: seconds since any line.
  /// - Returns: the line that is due.
  mutating func line(_ moment: Activity.Moment?, delay: String?, silence: Double, at now: Double) -> String? {
    guard let text = moment?.text ?? delay else {
      told = nil
      return nil
    }
    let began = moment?.outermost ?? 0
    let isTold = told?.began == began
    let lasts = isTold ? now - (told?.first ?? now) : 0
    guard silence > (!isTold ? Self.first : lasts > Self.long || moment == nil ? Self.long : Self.later)
    else { return nil }
    if let moment, !isTold, now - moment.outermost < Self.shortest { return nil }
    if !isTold { told = (began, now) }
    guard let moment else { return "note: \(text)" }
    return moment.isCounted ? "note: \(text)" : "note: \(text), for \(Int(now - moment.began)) s so far"
  }
}
