// The page of a run, written again and again by a thread of its own: a step never waits for it, and a page that cannot be
// written is a warning, not the end of a training.

import Foundation
import Platform
import Reproducibility
import RunPage
import Training
import TrainingState

/// Rewrites the file as the run goes on: every few seconds, soon after something has happened, and at the end.
package final class PageFile: @unchecked Sendable {
  private let path: String
  /// What the user should know about a file that was there.
  package let notes: [String]
  private var thread: BackgroundThread?
  /// Seconds between two pages: of a run that is young, and of one that has gone on for half an hour.
  private static let intervals = 2.0...30.0
  /// After something has happened, no sooner than so many seconds after the last page.
  private static let soon = 1.0
  /// Seconds between looks at the signals.
  private static let watch = 0.25
  /// Seconds that the end of a dying process has for its page.
  private static let patience = 0.4

  /// Whoever writes; held while a page is made and written.
  private var held: FileLock.Held?
  private var hasFailed = false
  private let born = monotonicSeconds()

  /// Guards what follows; not held while anything is written.
  private let condition = NSCondition()
  private var record: RunRecord
  private var isBusy = false
  /// Something has happened since the last page.
  private var isUrgent = false
  private var hasBegun = false
  private var expectedCause: String?
  private var hasEnded = false

  /// Takes the file for a run. Nothing is written before `begin`.
  ///
  /// - Parameters:
  ///   - run: of the training, `TrainingState.runFingerprint`.
  ///   - step: of the checkpoint that goes on, up to which the page's curves stay; nil for a run that begins anew.
  ///   - seconds: of earlier starts.
  ///   - metrics: a file with the same run's curves in full.
  ///   - isRestarted: whether a supervisor has started the job again.
  /// - Throws: `InvalidInput` if another job writes it, or it is another run's.
  package init(
    path: String, run: UInt64, resumingAt step: Int?, seconds: Double = 0, metrics: String? = nil,
    isRestarted: Bool = false
  ) throws {
    self.path = path
    let run = XXHash64.hexadecimal(run)
    record = RunRecord(run: run, title: stemAndSuffix(of: fileName(of: path)).stem)
    record.begin = (step ?? 0, seconds)
    var notes: [String] = []
    if let step {
      try Self.refuseOtherRun(at: path, run)
      record.goOn(from: path, metrics: metrics, upTo: step)
      if record.step > 0, record.history.step < step, FileIdentity(path) != nil {
        notes.append("the page \(path) lacks the curves of steps \(record.history.step + 1)–\(step)")
      }
    } else if isRestarted {
      record.keepEvents(of: path)
    }
    record.history.begin(at: seconds)
    self.notes = notes
    do {
      try createFolder(of: path)
      Self.removeLeftovers(of: path)
      held = FilePlace("", path).kind == nil ? nil : try Self.lock(path)
    } catch let failure as RuntimeFailure {
      throw Self.unwritable(path, "\(failure)")
    }
  }

  static func unwritable(_ path: String, _ cause: String) -> InvalidInput {
    InvalidInput("cannot write the page \(path): \(cause); choose another --page file")
  }

  static func lock(_ path: String) throws -> FileLock.Held {
    let held = FileLock.Held(try FileDescriptor(open: path, O_RDONLY))
    guard held.answer != .refused else {
      throw InvalidInput("another job writes the page \(path); choose another --page file")
    }
    return held
  }

  // MARK: What happens

  /// Writes the first page; the others follow.
  ///
  /// - Parameter describe: adds what is known before the first step.
  package func begin(_ describe: (inout RunRecord) -> Void) throws {
    condition.withLock {
      describe(&record)
      hasBegun = true
    }
    thread = try BackgroundThread(name: "page", niceness: 10) { [self] in run() }
  }

  /// - Parameter isUrgent: whether the page is to show it soon.
  private func change(isUrgent urgent: Bool = true, _ body: (inout RunRecord) -> Void) {
    condition.withLock {
      body(&record)
      if urgent { isUrgent = true }
    }
  }

  package func append(_ step: StepMetrics) {
    change(isUrgent: step.step == 1) { record in
      record.epoch = step.epoch
      record.history.append(
        step: step.step, loss: step.loss, seconds: step.seconds, tokens: step.tokens,
        learningRate: step.learningRate, gradientNorm: step.gradientNorm, weightsHash: step.weightsHash)
    }
    if let slow = step.straggler { note(slow, step: step.step) }
  }

  /// A validation is under way.
  package func show(_ validation: ValidationProgress) {
    change(isUrgent: false) { $0.activity = "Validating, \(Int(100 * validation.fraction)) %" }
  }

  package func append(_ validation: ValidationMetrics) {
    change { record in
      record.activity = nil
      record.history.appendValidation(step: validation.step, loss: validation.loss)
    }
  }

  package func append(sample text: String) {
    change { $0.samples.append(RunSample(step: $0.step, text: text)) }
  }

  /// Something that the user may want to know.
  package func note(_ text: String, step: Int? = nil) {
    change { $0.events.append(RunEvent(time: PageMark.now, step: step ?? $0.step, text: text)) }
  }

  /// A save has ended; its error if it failed.
  package func saved(step: Int, _ error: (any Error)?) {
    if let error { return note("no checkpoint was saved: \(error)", step: step) }
    change(isUrgent: false) { $0.saved = (step, PageMark.now) }
  }

  // MARK: The end

  /// Makes the last page and returns when it is written. Nothing happens after this.
  package func end(_ describe: (inout RunRecord) -> Void) {
    condition.withLock {
      describe(&record)
      hasEnded = true
      condition.broadcast()
    }
    thread?.join()
    if condition.withLock({ hasBegun && record.status.isLive == false }) { _ = write(within: 1e9) }
    held = nil
  }

  /// What `lastWords` will say, by somebody who knows more and has no time to write.
  package func expectEnd(because cause: String) { condition.withLock { expectedCause = cause } }

  /// From any thread, when this process is about to end: what is known of why.
  package func lastWords(_ cause: String) {
    let isOver = condition.withLock {
      guard hasBegun, !hasEnded, record.status.isLive else { return true }
      let cause = expectedCause ?? cause
      record.status = .failed(cause)
      record.activity = nil
      record.events.append(RunEvent(time: PageMark.now, step: record.step, text: cause))
      hasEnded = true
      condition.broadcast()
      return false
    }
    if !isOver { _ = write(within: Self.patience) }
  }

  // MARK: The thread

  private func run() {
    var next = monotonicSeconds()
    var last = -Double.infinity
    while true {
      let isOver: Bool = condition.withLock {
        while !hasEnded {
          let now = monotonicSeconds()
          if now >= next || isUrgent && now >= last + Self.soon { return false }
          noticeSignal()
          _ = condition.wait(until: Date(timeIntervalSinceNow: min(Self.watch, max(next - now, 0.001))))
        }
        return true
      }
      if isOver { return }
      _ = write(within: 1e9)
      last = monotonicSeconds()
      next = last + interval
    }
  }

  private var interval: Double {
    min(max((monotonicSeconds() - born) / 60, Self.intervals.lowerBound), Self.intervals.upperBound)
  }

  /// A SIGTERM is often followed by an end without a word.
  private func noticeSignal() {
    guard record.status == .running, SignalRequests.secondsSinceTermination != nil else { return }
    record.status = .stopping("asked to end by a signal (SIGTERM); the last finished step is being saved")
    record.events.append(RunEvent(time: PageMark.now, step: record.step, text: "SIGTERM"))
    isUrgent = true
  }

  /// Makes a page of what is known now and writes it, here.
  /// - Returns: whether that was possible in time.
  private func write(within seconds: Double) -> Bool {
    let deadline = Date(timeIntervalSinceNow: seconds)
    let current: RunRecord? = condition.withLock {
      while isBusy { guard condition.wait(until: deadline) else { return nil } }
      (isBusy, isUrgent) = (true, false)
      (record.written, record.interval) = (PageMark.now, interval)
      return record
    }
    guard let current else { return false }
    do {
      try replace(with: RunPage(current).text)
      hasFailed = false
    } catch {
      if !hasFailed { printError("warning: the page \(path) was not written: \(error); training goes on") }
      hasFailed = true
    }
    condition.withLock {
      isBusy = false
      condition.broadcast()
    }
    return !hasFailed
  }

  private func replace(with text: String) throws {
    try Array(text.utf8).withUnsafeBytes { bytes in
      // At the last moment: writing takes a while.
      try FileReplacement.replace(path, with: [bytes], verify: { _ in try refuseOthers() })
    }
    held = try Self.lock(path)
  }

  /// A file under this name that is no page, or of another run, stays.
  private func refuseOthers() throws {
    guard FilePlace("", path).kind != nil else { return }
    guard try PageMark.isPage(path) else { throw RuntimeFailure("another file has taken its name") }
    guard held?.isAt(path) != true else { return }
    held = try Self.lock(path)
    if let run = PageMark.run(of: path), run != record.run { throw RuntimeFailure("another run writes it") }
  }
}
