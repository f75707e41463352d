// The metrics file: one JSON object a line (https://jsonlines.org), for plots and for other programs. A thread of its
// own writes it: a step never waits for this disk, a checkpoint does.

import Foundation
import Platform
import Training
import TrainingState

/// Appends metrics of steps and validations. Numbers are written so that they read back as the same bits.
///
/// Keys of a step: `step epoch loss lr seconds tokens`, and `grad_norm` with clipping, `weights_hash` where it
/// was computed. `seconds` counts from the beginning of the training, through interruptions; `tokens` is the
/// number of targets of this step; `profile`, if asked for, has the seconds of rank 0 by phase. Keys of a
/// validation: `step val_loss`.
package final class MetricsFile: @unchecked Sendable {
  private let path: String
  /// What a resumed file has already.
  private let earlier: EarlierMetrics
  private let probe: (any TrainingProbe)?
  /// A device or a FIFO takes lines at its own pace: what it does not take at once waits.
  private let isRegular: Bool
  /// What the user should know about a resumed file, in lines.
  package let notes: [String]
  private var thread: BackgroundThread?
  /// Seconds: more than the hash of the weights takes, which the line may wait for.
  private static let patience = 0.3
  /// A reader that follows the file sees a line at most so many seconds late.
  private static let interval = 1.0
  /// Bytes that make the thread write earlier.
  private static let muchWaiting = 1 << 16
  /// Bytes that wait for the disk; beyond them lines are lost.
  private static let mostWaiting = 64 << 20

  // The thread's own.
  /// Nil after the end.
  private var held: FileLock.Held?
  private var hasFailed = false
  private var hasMoved = false
  /// Memory of lines that are written, for those to come.
  private var spare: [UInt8] = []

  /// Guards what follows; not held while anything is written.
  private let condition = NSCondition()
  private var buffer: [UInt8] = []
  private var lostLines = 0
  private var lastStep: Int
  private var isAwaitingStep = false
  /// Flushes that were asked for, and those that are done.
  private var requests = 0
  private var served = 0
  private var hasEnded = false

  /// - Parameter progress: nil starts the file anew; that of a checkpoint keeps the lines up to its step and drops the
  ///   rest, so that a resumed training leaves neither a gap nor a repeat.
  /// - Throws: `InvalidInput` if the file cannot be written, another job writes it, or it is another run's.
  package init(path: String, resuming progress: TrainingProgress?, probe: (any TrainingProbe)? = nil) throws {
    self.path = path
    self.probe = probe
    let kind = FilePlace("", path).kind
    isRegular = kind == .regular || kind == nil
    lastStep = progress?.step ?? 0
    do {
      try createFolder(of: path)
      var held = try Self.open(path, isRegular: isRegular)
      var earlier = EarlierMetrics()
      if isRegular, let progress {
        earlier = try EarlierMetrics(path: path, progress)
        // In one move: a crash here must not cost the lines of earlier runs.
        if let kept = earlier.rewritten {
          try FileReplacement.replace(path, with: kept)
          held = try Self.open(path, isRegular: true)
        }
      } else if isRegular, ftruncate(held.file.raw, 0) != 0 {
        throw RuntimeFailure(systemError())
      }
      if isRegular { try FileReplacement.synchronizeFolder(of: try FileReplacement.target(of: path)) }
      self.held = held
      self.earlier = earlier
      notes = isRegular && progress != nil ? earlier.note(path).map { [$0] } ?? [] : []
    } catch let failure as RuntimeFailure {
      throw Self.unwritable(path, "\(failure)")
    }
    thread = try BackgroundThread(name: "metrics") { [self] in run() }
  }

  /// - Throws: `InvalidInput` if another job writes it, `RuntimeFailure` if it cannot be opened.
  static func open(_ path: String, isRegular: Bool) throws -> FileLock.Held {
    let flags = O_WRONLY | O_CREAT | O_APPEND | (isRegular ? 0 : O_NONBLOCK)
    let held = FileLock.Held(try FileDescriptor(open: path, flags, mode: 0o666))
    guard !isRegular || held.answer != .refused else {
      throw InvalidInput("another job writes the metrics file \(path); choose another --metrics file")
    }
    return held
  }

  static func unwritable(_ path: String, _ cause: String) -> InvalidInput {
    InvalidInput("cannot write the metrics file \(path): \(cause); choose another --metrics file")
  }

  /// One step.
  package func append(_ step: StepMetrics) {
    var members: [(String, JSONText)] = [
      ("step", .integer(step.step)), ("epoch", .integer(step.epoch)), ("loss", .real(step.loss)),
      ("lr", .real(step.learningRate)), ("seconds", .real(step.seconds)), ("tokens", .integer(step.tokens)),
    ]
    if let norm = step.gradientNorm { members.append(("grad_norm", .real(norm))) }
    if let hash = step.weightsHash { members.append(("weights_hash", .string(hash))) }
    if let profile = step.profile {
      members.append(("profile", .object(profile.map { ($0.phase, .real($0.seconds)) })))
    }
    append(.object(members), step: step.step)
  }

  /// One validation. A resumed training may repeat the last one, which is then here already.
  package func append(_ validation: ValidationMetrics) {
    guard validation.step > earlier.lastValidation else { return }
    append(.object([("step", .integer(validation.step)), ("val_loss", .real(validation.loss))]), step: 0)
  }

  private func append(_ line: JSONText, step: Int) {
    let text = line.compactText
    condition.withLock {
      if buffer.count > Self.mostWaiting {
        lostLines += 1
      } else {
        buffer.append(contentsOf: text.utf8)
        buffer.append(UInt8(ascii: "\n"))
      }
      lastStep = max(lastStep, step)
      if isAwaitingStep || buffer.count > Self.muchWaiting { condition.broadcast() }
    }
  }

  /// Returns once the lines up to `step` are on the disk, or cannot be brought there. A step's state can be saved an
  /// instant before its line is written.
  package func flush(upTo step: Int = 0, within seconds: Double = 1e9) {
    let deadline = Date(timeIntervalSinceNow: seconds)
    let stepDeadline = Date(timeIntervalSinceNow: min(seconds, Self.patience))
    condition.withLock {
      isAwaitingStep = true
      while lastStep < step, condition.wait(until: stepDeadline) {}
      isAwaitingStep = false
      requests += 1
      let own = requests
      condition.broadcast()
      while served < own, condition.wait(until: deadline) {}
    }
  }

  /// Nothing is appended after this. What a disk does not take now is lost.
  package func end() {
    flush()
    condition.withLock {
      hasEnded = true
      condition.broadcast()
    }
    thread?.join()
    held = nil
  }

  // MARK: The thread

  private func run() {
    while true {
      let next: (bytes: [UInt8], request: Int)? = condition.withLock {
        let deadline = Date(timeIntervalSinceNow: Self.interval)
        while requests == served, !hasEnded, buffer.count <= Self.muchWaiting, condition.wait(until: deadline)
        {}
        guard !hasEnded else { return nil }
        defer { (buffer, spare) = (spare, []) }
        return (buffer, requests)
      }
      guard var next else { return }
      write(next.bytes, thenSynchronize: next.request > served)
      spare = next.bytes
      next.bytes = []
      spare.removeAll(keepingCapacity: true)
      condition.withLock {
        served = next.request
        condition.broadcast()
      }
    }
  }

  /// What a full disk does not take is kept and tried again, so that no line is missing once there is space.
  private func write(_ bytes: [UInt8], thenSynchronize: Bool) {
    if isRegular { followPath() }
    guard let held else { return }
    if !bytes.isEmpty { probe?.writingMetrics() }
    let (done, error) = bytes.withUnsafeBytes { writeFully(held.file.raw, $0, waits: isRegular) }
    var cause = error.map { systemError($0) }
    if error == nil, thenSynchronize, isRegular {
      do { try held.file.synchronize() } catch { cause = "\(error)" }
    }
    let lost = condition.withLock {
      if done < bytes.count { buffer = bytes[done...] + buffer }
      defer { lostLines = 0 }
      return lostLines
    }
    if let cause, !hasFailed {
      hasFailed = true
      printError(
        "warning: cannot write the metrics file \(path): \(cause); training goes on, lines wait for space")
    }
    if lost > 0 {
      printError("warning: \(lost) lines of the metrics file \(path) are lost: too many wait for its disk")
    }
  }

  /// A file that is removed, renamed or rotated while the run goes on is followed by a new one under the path.
  private func followPath() {
    guard held?.isAt(path) != true else { return }
    do {
      if let kind = FilePlace("", path).kind, kind != .regular {
        throw RuntimeFailure("it is now \(kind.words)")
      }
      try Self.refuseForeignFile(at: path)
      held = try Self.open(path, isRegular: true)
      try FileReplacement.synchronizeFolder(of: try FileReplacement.target(of: path))
      hasMoved = false
      printError(
        "warning: the metrics file \(path) was removed or renamed; from here on a new file of this name has the lines"
      )
    } catch {
      if !hasMoved {
        printError(
          "warning: the metrics file \(path) was removed or renamed, and none takes its place: \(error); lines go on "
            + "into the old one")
      }
      hasMoved = true
    }
  }
}
