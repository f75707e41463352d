// Lines on standard output and standard error that a full disk or a closed pipe cannot turn into a crash, as
// Foundation's FileHandle would. A queue keeps whoever writes from waiting for a reader that sleeps.

import Foundation
import Glibc
import Synchronization

public enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  private static let hasFailed = Atomic<Bool>(false)
  private static let queue = LineQueue { bytes in output.write(bytes) }
  private static let writer = Mutex<(any LineWriter)?>(nil)
  private static let lastLine = Atomic<UInt64>(monotonicSeconds().bitPattern)

  /// From now on lines of both streams are written by `other`.
  public static func setWriter(_ other: any LineWriter) { writer.withLock { $0 = other } }

  /// When the last line was written, or this was first asked; seconds of the monotonic clock.
  public static var lastLineSeconds: Double { Double(bitPattern: lastLine.load(ordering: .relaxed)) }

  /// Writes a line immediately and in one piece, so that lines of several processes do not mix; always one line,
  /// whatever names and texts of others it quotes (`visible`). If that fails the line is lost, which is reported
  /// on standard error the first time.
  public func line(_ text: String) { pass(Array((visible(text) + "\n").utf8)) }

  /// Writes a text that a model has made, as `line` does: as it is, but on a terminal only what that does not obey.
  public func generated(_ text: String) {
    let shown = isatty(rawValue) == 1 ? visible(text, keeping: ["\n", "\t"]) : text
    pass(Array((shown + "\n").utf8))
  }

  /// Writes bytes as they are, which another process has meant for this stream. What is not taken is lost, as with
  /// `line`.
  public func pass(_ bytes: [UInt8]) {
    if self == .output, Self.queue.take(bytes) { return }
    write(bytes)
  }

  private func write(_ bytes: [UInt8]) {
    let writer = Self.writer.withLock { $0 }
    let error =
      writer.map { $0.write(bytes, to: self) } ?? bytes.withUnsafeBytes { writeFully(rawValue, $0).error }
    Self.lastLine.store(monotonicSeconds().bitPattern, ordering: .relaxed)
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

  /// Whether a line would be taken at once, as far as the system can tell.
  public var isReady: Bool {
    var request = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
    return poll(&request, 1, 0) > 0
  }

  // MARK: The queue of standard output

  /// From now on a thread writes the lines of standard output, in order.
  /// - Throws: `RuntimeFailure` if the system cannot start it.
  public static func queueOutput() throws { try queue.start() }

  /// Bytes of lines that are not yet written.
  public static var queuedBytes: Int { queue.waitingBytes }

  /// - Returns: whether every line is written.
  @discardableResult
  public static func flushOutput(within seconds: Double) -> Bool { queue.flush(within: seconds) }
}

/// One line on standard error, in one piece.
public func printError(_ line: String) { StandardStream.error.line(line) }

/// Ends the process in the middle of its work, after the lines that are queued: they have a moment.
public func endProcess(_ status: Int32) -> Never {
  StandardStream.flushOutput(within: 0.3)
  StandardStream.clearLiveLine(isLast: true)
  _exit(status)
}

/// Lines on their way to a writer that may be slow.
final class LineQueue: @unchecked Sendable {
  private let write: @Sendable ([UInt8]) -> Void
  /// Seconds between two writes: waking the thread for each line of fast steps costs more than writing it.
  private static let interval = 0.005
  /// Guards what follows; not held while anything is written.
  private let condition = NSCondition()
  private var isRunning = false
  /// The thread sleeps until there is something.
  private var isIdle = false
  private var flushes = 0
  private var bytes: [UInt8] = []
  /// Handed to `write`, which has not returned.
  private var underWay = 0

  init(write: @escaping @Sendable ([UInt8]) -> Void) { self.write = write }

  /// Idempotent.
  func start() throws {
    try condition.withLock {
      guard !isRunning else { return }
      _ = try BackgroundThread(name: "log", writesToTerminal: true) { [self] in run() }
      isRunning = true
    }
  }

  /// - Returns: false before `start`: the caller writes.
  func take(_ line: [UInt8]) -> Bool {
    condition.withLock {
      guard isRunning else { return false }
      bytes += line
      if isIdle { condition.broadcast() }
      return true
    }
  }

  var waitingBytes: Int { condition.withLock { bytes.count + underWay } }

  /// - Returns: whether everything taken so far is written.
  func flush(within seconds: Double) -> Bool {
    let deadline = Date(timeIntervalSinceNow: seconds)
    return condition.withLock {
      flushes += 1
      defer { flushes -= 1 }
      condition.broadcast()
      while bytes.count + underWay > 0, condition.wait(until: deadline) {}
      return bytes.count + underWay == 0
    }
  }

  private func run() {
    while true {
      let next = condition.withLock {
        let pause = Date(timeIntervalSinceNow: Self.interval)
        while flushes == 0, condition.wait(until: pause) {}
        isIdle = true
        while bytes.isEmpty { condition.wait() }
        isIdle = false
        defer { bytes = [] }
        underWay = bytes.count
        return bytes
      }
      write(next)
      condition.withLock {
        underWay = 0
        condition.broadcast()
      }
    }
  }
}
