// The lines that earlier starts of a training have left in its metrics file, held against the checkpoint that goes on.

import Foundation
import Platform
import RunCurves
import TrainingState

struct EarlierMetrics {
  /// The last step with a validation among the kept lines.
  private(set) var lastValidation = 0
  /// What the file is to hold; nil if it does already.
  private(set) var rewritten: [UInt8]?
  /// Steps up to the checkpoint's without a line.
  private(set) var missing: [ClosedRange<Int>] = []

  init() {}

  /// Keeps the complete lines up to the step of `progress`.
  ///
  /// - Throws: `InvalidInput` if the file cannot be read, or if one of its lines is not of the checkpoint's training.
  init(path: String, _ progress: TrainingProgress) throws {
    guard let text = smallFile(path) else { throw MetricsFile.unwritable(path, "it cannot be read") }
    var kept: [UInt8] = []
    var steps: Set<Int> = []
    let decoder = JSONDecoder()
    // Swift takes "\r\n" for one character, which is no "\n".
    for text in text.split(whereSeparator: \.isNewline) {
      guard let line = MetricsLine(String(text), decoder), line.step <= progress.step else { continue }
      try Self.verify(line, progress, path)
      kept += Array(text.utf8) + [UInt8(ascii: "\n")]
      if line.isOfStep { steps.insert(line.step) }
      if line.validationLoss != nil { lastValidation = line.step }
    }
    if !text.utf8.elementsEqual(kept) { rewritten = kept }
    var step = 1
    while step <= progress.step {
      let first = step
      while step <= progress.step, !steps.contains(step) { step += 1 }
      if step > first { missing.append(first...step - 1) }
      step += 1
    }
  }

  /// Equal seeds, data and settings give equal losses, to the bit: a line that differs is another run's.
  private static func verify(_ line: MetricsLine, _ progress: TrainingProgress, _ path: String) throws {
    func refuse(_ what: String, _ own: String, _ wanted: String) -> InvalidInput {
      InvalidInput(
        "the metrics file \(path) is another run's: its \(what) of step \(line.step) is \(own), the checkpoint's is "
          + "\(wanted); choose another --metrics file")
    }
    let history = progress.lossHistory
    let index = history.count - 1 - (progress.step - line.step)
    if line.isOfStep, history.indices.contains(index) {
      let (own, wanted) = (line.loss.map { Float($0) } ?? .nan, history[index])
      guard own == wanted || own.isNaN && wanted.isNaN else { throw refuse("loss", "\(own)", "\(wanted)") }
    }
    if line.step == progress.step, let own = line.weightsHash, !progress.weightsHash.isEmpty {
      guard own == progress.weightsHash else { throw refuse("weights_hash", own, progress.weightsHash) }
    }
  }

  /// How many steps are missing, and which.
  func note(_ path: String) -> String? {
    guard !missing.isEmpty else { return nil }
    let count = missing.reduce(0) { $0 + $1.count }
    let shown = missing.prefix(5).map {
      $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)"
    }
    let more = missing.count > 5 ? ", …" : ""
    return "the metrics file \(path) lacks the lines of \(count) \(count == 1 ? "step" : "steps"): "
      + shown.joined(separator: ", ") + more
  }
}
