// The metrics file: one JSON object a line (https://jsonlines.org), for plots and for other programs.

import Diagnostics
import Foundation

/// Appends metrics of steps and validations. Numbers are written so that they read back as the same bits.
///
/// Keys of a step: `step epoch loss lr seconds tokens`, and `grad_norm` with clipping, `weights_hash` where it
/// was computed. `seconds` counts from the beginning of the training, through interruptions; `tokens` is the
/// number of targets of this step; `profile`, if asked for, has the seconds of rank 0 by phase. Keys of a validation: `step val_loss`.
public final class MetricsFile {
  private let path: String
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var lastFlush = ContinuousClock.now
  private var hasFailed = false
  /// The last validation that a resumed file has already.
  private var lastKeptValidation = 0
  /// What waits for space on the disk; beyond it lines are lost.
  private static let mostWaiting = 64 << 20

  /// - Parameter resumedStep: nil starts the file anew; a step keeps the lines up to that step and drops the
  ///   rest, so that a resumed training leaves neither a gap nor a repeat.
  /// - Throws: `InvalidInput` if the file cannot be written.
  public init(path: String, resumedStep: Int?) throws {
    self.path = path
    let kept = try resumedStep.map { try Self.lines(of: path, upTo: $0) } ?? (text: "", lastValidation: 0)
    if let folder = Self.folder(of: path) {
      try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    if resumedStep != nil {
      // In one move: a crash here must not cost the lines of earlier runs.
      let temporary = "\(path).tmp.\(getpid())"
      do {
        try kept.text.write(toFile: temporary, atomically: false, encoding: .utf8)
      } catch {
        unlink(temporary)
        throw Self.unwritable(path, errno)
      }
      rename(temporary, path)
      lastKeptValidation = kept.lastValidation
    }
    let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (resumedStep == nil ? O_TRUNC : O_APPEND)
    descriptor = open(path, flags, 0o666)
    guard descriptor >= 0 else { throw Self.unwritable(path, errno) }
  }

  /// Tells early, without touching a file, what opening would tell: missing folders are made then.
  /// - Throws: `InvalidInput`.
  public static func checkIsWritable(_ path: String) throws {
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT != S_IFDIR else { throw unwritable(path, EISDIR) }
      guard access(path, W_OK) == 0 else { throw unwritable(path, errno) }
      return
    }
    guard errno == ENOENT else { throw unwritable(path, errno) }
    var folder = folder(of: path) ?? "."
    while stat(folder, &status) != 0, errno == ENOENT { folder = Self.folder(of: folder) ?? "." }
    guard access(folder, W_OK) == 0 else { throw unwritable(path, errno) }
  }

  /// Nil for a file in the current folder.
  private static func folder(of path: String) -> String? {
    guard let slash = path.lastIndex(of: "/") else { return nil }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func unwritable(_ path: String, _ code: Int32) -> InvalidInput {
    InvalidInput(
      "cannot write the metrics file \(path): \(String(cString: strerror(code))); "
        + "choose another --metrics file")
  }

  deinit {
    flush()
    close(descriptor)
  }

  /// One step.
  public func append(_ step: StepMetrics) {
    var line = "{\"step\":\(step.step),\"epoch\":\(step.epoch),\"loss\":\(Self.number(step.loss))"
    line += ",\"lr\":\(Self.number(step.learningRate)),\"seconds\":\(Self.number(step.seconds))"
    line += ",\"tokens\":\(step.tokens)"
    if let norm = step.gradientNorm { line += ",\"grad_norm\":\(Self.number(norm))" }
    if let hash = step.weightsHash { line += ",\"weights_hash\":\"\(hash)\"" }
    if let profile = step.profile {
      let members = profile.map { "\"\($0.phase)\":\(Self.number($0.seconds))" }
      line += ",\"profile\":{\(members.joined(separator: ","))}"
    }
    append(line + "}\n")
  }

  /// One validation after `step`. A resumed training may repeat the last one, which is then here already.
  public func append(validationLoss: Double, step: Int) {
    guard step > lastKeptValidation else { return }
    append("{\"step\":\(step),\"val_loss\":\(Self.number(validationLoss))}\n")
  }

  private func append(_ line: String) {
    buffer.append(contentsOf: line.utf8)
    // A reader that follows the file sees it at most a second late; fast steps do not pay a call each.
    if buffer.count > 1 << 16 || ContinuousClock.now - lastFlush > .seconds(1) { flush() }
  }

  /// Hands everything to the system. Comes before every checkpoint, so that the file is never behind it.
  /// What a full disk does not take is kept and tried again, so that no line is missing once there is space.
  public func flush() {
    lastFlush = .now
    var offset = 0
    while offset < buffer.count {
      let written = buffer.withUnsafeBytes { write(descriptor, $0.baseAddress! + offset, $0.count - offset) }
      if written < 0 {
        if errno == EINTR { continue }
        warnOnce(String(cString: strerror(errno)))
        break
      }
      offset += written
    }
    buffer.removeFirst(offset)
    if buffer.count > Self.mostWaiting { buffer.removeAll() }
  }

  private func warnOnce(_ cause: String) {
    if !hasFailed {
      StandardStream.error.line(
        "warning: cannot write the metrics file \(path): \(cause); training goes on, lines wait for space")
    }
    hasFailed = true
  }

  /// The complete lines of steps up to `step`, and the last step with a validation among them.
  private static func lines(of path: String, upTo step: Int) throws -> (text: String, lastValidation: Int) {
    guard FileManager.default.fileExists(atPath: path) else { return ("", 0) }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw InvalidInput("the metrics file \(path) cannot be read; choose another --metrics file")
    }
    var kept = ""
    var lastValidation = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
      guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let lineStep = object["step"] as? Int, lineStep <= step
      else { continue }
      kept += line + "\n"
      if object["val_loss"] != nil { lastValidation = lineStep }
    }
    return (kept, lastValidation)
  }

  /// The shortest decimal that reads back as the same number; JSON has no NaN, so null.
  private static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
}

/// What is known of one finished step.
public struct StepMetrics: Sendable {
  public var step: Int
  public var epoch: Int
  /// Mean over the step's targets, nats.
  public var loss: Double
  public var learningRate: Double
  /// Since the beginning of the training, earlier runs included.
  public var seconds: Double
  /// Targets of this step.
  public var tokens: Int
  /// Before clipping.
  public var gradientNorm: Double?
  public var weightsHash: String?
  /// Where this rank's wall time of this step went.
  public var profile: [(phase: String, seconds: Double)]?
}
