// The metrics file: one JSON object a line (https://jsonlines.org), for plots and for other programs.

import Foundation
import Platform
import Training

/// Appends metrics of steps and validations. Numbers are written so that they read back as the same bits.
///
/// Keys of a step: `step epoch loss lr seconds tokens`, and `grad_norm` with clipping, `weights_hash` where it
/// was computed. `seconds` counts from the beginning of the training, through interruptions; `tokens` is the
/// number of targets of this step; `profile`, if asked for, has the seconds of rank 0 by phase. Keys of a
/// validation: `step val_loss`.
package final class MetricsFile: @unchecked Sendable {
  private let path: String
  private let file: FileDescriptor
  /// The last validation that a resumed file has already.
  private let lastKeptValidation: Int
  /// A device or a FIFO takes lines at its own pace: what it does not take at once waits.
  private let isRegular: Bool
  /// Seconds: more than the hash of the weights takes, which the line may wait for.
  private static let patience = 0.3
  /// What waits for space on the disk; beyond it lines are lost.
  private static let mostWaiting = 64 << 20

  /// Guards what follows; not held while anything is written.
  private let condition = NSCondition()
  private var buffer: [UInt8] = []
  private var lastFlush = monotonicSeconds()
  private var isWriting = false
  private var lastStep: Int
  private var hasFailed = false

  /// - Parameter resumedStep: nil starts the file anew; a step keeps the lines up to that step and drops the
  ///   rest, so that a resumed training leaves neither a gap nor a repeat.
  /// - Throws: `InvalidInput` if the file cannot be written.
  package init(path: String, resumedStep: Int?) throws {
    self.path = path
    let isFile = FilePlace("", path).kind == .regular
    var kept = (text: "", lastValidation: 0)
    if isFile, let resumedStep { kept = try Self.lines(of: path, upTo: resumedStep) }
    lastKeptValidation = kept.lastValidation
    lastStep = resumedStep ?? 0
    do {
      try createFolder(of: path)
      isRegular = isFile || FilePlace("", path).kind == nil
      // In one move: a crash here must not cost the lines of earlier runs.
      if resumedStep != nil, isRegular { try FileReplacement.replace(path, with: Array(kept.text.utf8)) }
      let truncation = resumedStep == nil && isRegular ? O_TRUNC : 0
      file = try FileDescriptor(
        open: path, O_WRONLY | O_CREAT | O_APPEND | (isRegular ? 0 : O_NONBLOCK) | truncation, mode: 0o666)
    } catch {
      throw Self.unwritable(path, "\(error)")
    }
  }

  /// Tells early, without touching a file, what opening would tell: missing folders are made then.
  /// - Throws: `InvalidInput`.
  package static func checkIsWritable(_ path: String) throws {
    var existing = path
    while access(existing, F_OK) != 0, errno == ENOENT, existing != "." { existing = folder(of: existing) }
    guard access(existing, W_OK) == 0 else { throw unwritable(path, systemError()) }
    var status = stat()
    guard existing == path || stat(existing, &status) == 0 && FileKind(status) == .folder else {
      throw unwritable(path, systemError(ENOTDIR))
    }
  }

  /// Renames the metrics of an earlier run: `run.jsonl` becomes `run.old-1.jsonl`, with the first number that is free.
  ///
  /// - Returns: the new path; nil where there was nothing.
  /// - Throws: `InvalidInput` when it cannot be renamed.
  package static func setAside(_ path: String) throws -> String? {
    guard FilePlace("", path).kind == .regular else { return nil }
    guard try !firstBytes(of: path, count: 1).isEmpty else { return nil }
    let (stem, suffix) = stemAndSuffix(of: fileName(of: path))
    let candidates = (1...).lazy.map {
      "\(path.dropLast(fileName(of: path).count))\(stem).old-\($0)\(suffix)"
    }
    guard let new = candidates.first(where: { FileIdentity($0) == nil }) else { return nil }
    do {
      try FileReplacement.move(path, to: new)
    } catch {
      throw unwritable(path, "\(error)")
    }
    return new
  }

  /// - Throws: `InvalidInput` when there is a file that does not begin with a line of metrics.
  package static func refuseForeignFile(at path: String) throws {
    guard FilePlace("", path).kind == .regular else { return }
    let head: [UInt8]
    do {
      head = try firstBytes(of: path, count: 1 << 16)
    } catch {
      throw unwritable(path, "\(error)")
    }
    let line = Data(head.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") })
    let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any]
    guard head.isEmpty || object?["step"] is Int else {
      throw InvalidInput("\(path) is not a metrics file and would be replaced; choose another --metrics")
    }
  }

  private static func unwritable(_ path: String, _ cause: String) -> InvalidInput {
    InvalidInput("cannot write the metrics file \(path): \(cause); choose another --metrics file")
  }

  deinit { flush() }

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
    append(.object(members))
    condition.withLock {
      lastStep = step.step
      condition.broadcast()
    }
  }

  /// One validation. A resumed training may repeat the last one, which is then here already.
  package func append(_ validation: ValidationMetrics) {
    guard validation.step > lastKeptValidation else { return }
    append(.object([("step", .integer(validation.step)), ("val_loss", .real(validation.loss))]))
  }

  private func append(_ line: JSONText) {
    let isDue = condition.withLock {
      buffer.append(contentsOf: line.compactText.utf8)
      buffer.append(UInt8(ascii: "\n"))
      // A reader that follows the file sees it at most a second late; fast steps do not pay a call each.
      return buffer.count > 1 << 16 || monotonicSeconds() - lastFlush > 1
    }
    if isDue { flush() }
  }

  /// As `flush`, once the line of `step` is there. A step's state can be saved an instant before its line is written.
  package func flush(upTo step: Int) {
    let deadline = Date(timeIntervalSinceNow: Self.patience)
    condition.withLock { while lastStep < step, condition.wait(until: deadline) {} }
    flush()
  }

  /// Hands everything to the system, from any thread. Comes before every checkpoint, so that the file is never behind
  /// it. What a full disk does not take is kept and tried again, so that no line is missing once there is space.
  package func flush() {
    let bytes = condition.withLock {
      while isWriting { condition.wait() }
      isWriting = true
      lastFlush = monotonicSeconds()
      defer { buffer = [] }
      return buffer
    }
    let (done, error) = bytes.withUnsafeBytes { writeFully(file.raw, $0, waits: isRegular) }
    let isFirstFailure = condition.withLock {
      isWriting = false
      buffer = done == bytes.count ? buffer : bytes[done...] + buffer
      if buffer.count > Self.mostWaiting { buffer = [] }
      condition.broadcast()
      defer { hasFailed = hasFailed || error != nil }
      return error != nil && !hasFailed
    }
    if let error, isFirstFailure {
      printError(
        "warning: cannot write the metrics file \(path): \(systemError(error)); training goes on, lines wait for "
          + "space")
    }
  }

  /// The complete lines of steps up to `step`, and the last step with a validation among them.
  private static func lines(of path: String, upTo step: Int) throws -> (text: String, lastValidation: Int) {
    guard FileIdentity(path) != nil else { return ("", 0) }
    guard let text = smallFile(path) else {
      throw InvalidInput("the metrics file \(path) cannot be read; choose another --metrics file")
    }
    var kept = ""
    var lastValidation = 0
    // Swift takes "\r\n" for one character, which is no "\n".
    for line in text.split(whereSeparator: \.isNewline) {
      guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let lineStep = object["step"] as? Int, lineStep <= step
      else { continue }
      kept += line + "\n"
      if object["val_loss"] != nil { lastValidation = lineStep }
    }
    return (kept, lastValidation)
  }
}
