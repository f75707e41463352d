// The lines that rank 0 prints. Nothing here is needed to train.

import DataParallel
import Diagnostics
import Foundation
import GPTModel
import Kernels

/// Prints a run for people: the reference's lines, with speed and time left.
public final class RunLog {
  private let logInterval: Int
  private var windowStart: (step: Int, seconds: Double, tokens: Int)
  private var runStart: (step: Int, seconds: Double) = (0, 0)
  private var tokens = 0
  private var stepWidth = 4
  private var epochWidth = 2
  private var warnedOfStraggler = false

  public init(settings: RunSettings) {
    logInterval = settings.logInterval
    windowStart = (0, 0, 0)
  }

  /// Written at once, in one piece: lines appear when they are written, also in a pipe.
  public func line(_ text: String) { StandardStream.output.line(text) }

  /// What is going to happen, before the first step.
  public func header(_ trainer: Trainer, corpus: CorpusScan, path: String, localSizes: String) {
    let c = trainer.configuration
    let m = c.model
    line(
      "model      \(Readable.grouped(m.parameterCount)) parameters: n_embd \(m.embeddingSize), "
        + "n_layer \(m.layerCount), n_head \(m.headCount), block_size \(m.blockSize), "
        + "vocab_size \(m.vocabularySize)")
    line(
      "corpus     \(path): \(Readable.grouped(corpus.characterCount)) characters, "
        + "sha256 \(corpus.sha256.prefix(8))…\(corpus.sha256.suffix(4))")
    line(batchLine(trainer))
    line(scheduleLine(c))
    let leaves = "\(c.leafCount) \(c.leafCount == 1 ? "leaf" : "leaves") of \(c.microbatchSize)"
    line(
      "machine    \(localSizes), \(Self.count(trainer.settings.threads, "thread")) each; \(leaves); "
        + "\(c.backend.kernelFamily) kernels, \(targetVectorWidth)")
    if trainer.worldSize > c.leafCount, trainer.worldSize > 1 {
      let advice =
        c.microbatchSize > 1
        ? "choose --micro-batch-size \(max(1, c.globalBatchSize / trainer.worldSize)) to use more of them"
        : "a batch of \(c.globalBatchSize) has no more to give"
      line(
        "note       \(trainer.worldSize - c.leafCount) of \(trainer.worldSize) ranks own no leaf: \(advice)")
    }
  }

  private func batchLine(_ trainer: Trainer) -> String {
    let c = trainer.configuration
    let unit = c.workflow.rawValue
    var text = "batches    \(Readable.grouped(trainer.sequenceCount)) \(unit), "
    text += "\(Self.count(trainer.stepsPerEpoch, "batch", "batches")) of \(c.globalBatchSize) an epoch"
    if trainer.leftoverCount > 0 { text += " (\(trainer.leftoverCount) left over)" }
    if let held = trainer.validationCount { text += "; \(Readable.grouped(held)) \(unit) held out" }
    return text
  }

  private func scheduleLine(_ c: TrainingConfiguration) -> String {
    let s = c.schedule
    let steps = "schedule   \(Readable.grouped(s.totalSteps)) steps: "
    switch s.kind {
    case .cosine:
      return steps + "\(s.warmupSteps) of warm-up to \(Self.scientific(s.peak)), then a cosine to zero"
    case .linear: return steps + "from \(Self.scientific(s.peak)) linearly to zero"
    }
  }

  /// Rates count from here, not from the beginning of an interrupted training.
  public func begin(_ trainer: Trainer) {
    windowStart = (trainer.step, trainer.elapsedSeconds, 0)
    runStart = (trainer.step, trainer.elapsedSeconds)
    stepWidth = max(5, String(trainer.configuration.totalSteps).count)
  }

  /// `epoch  1 | step    10 / 2040 | lr 1.47e-05 | loss 5.9321 | 61,234 tok/s | ETA 4m 10s`
  public func finished(_ metrics: StepMetrics, _ trainer: Trainer) {
    tokens += metrics.tokens
    guard logInterval > 0, metrics.step % logInterval == 0 else { return }
    let total = trainer.configuration.totalSteps
    var text =
      "epoch \(Self.pad(metrics.epoch, epochWidth)) | step \(Self.pad(metrics.step, stepWidth)) / \(total)"
    text += " | lr \(Self.scientific(metrics.learningRate)) | loss \(Readable.fixed(metrics.loss, digits: 4))"
    if let norm = metrics.gradientNorm { text += " | grad \(Readable.fixed(norm, digits: 3))" }
    let seconds = metrics.seconds - windowStart.seconds
    let steps = metrics.step - windowStart.step
    if seconds > 0, steps > 0 {
      text += " | \(Readable.grouped(Int(Double(tokens - windowStart.tokens) / seconds))) tok/s"
    }
    // From the whole run, so that validations, samples and saves count with their share.
    let left = trainer.lastStep - metrics.step
    if left > 0, metrics.step > runStart.step {
      let perStep = (metrics.seconds - runStart.seconds) / Double(metrics.step - runStart.step)
      text += " | ETA \(Readable.duration(seconds: Double(left) * perStep))"
    }
    line(text)
    windowStart = (metrics.step, metrics.seconds, tokens)
    if !warnedOfStraggler, trainer.step >= 20, let slow = trainer.straggler {
      warnedOfStraggler = true
      line("note       \(slow)")
    }
  }

  public func validated(_ loss: Double, _ trainer: Trainer) {
    line(
      "epoch \(Self.pad(trainer.epoch, epochWidth)) | step \(Self.pad(trainer.step, stepWidth)) / "
        + "\(trainer.configuration.totalSteps) | validation loss \(Readable.fixed(loss, digits: 4))")
  }

  /// The reference's last lines.
  public func summary(_ trainer: Trainer, stepsOfThisRun: Int, seconds: Double) {
    guard stepsOfThisRun > 0 else {
      line("Nothing to do: step \(trainer.step) was already reached.")
      return line("Weights hash \(trainer.currentWeightsHash) after step \(trainer.step)")
    }
    let history = trainer.lossHistory
    line("")
    line(
      "Training took \(Readable.fixed(seconds, digits: seconds < 10 ? 3 : 1)) s "
        + "(\(Readable.fixed(1000 * seconds / Double(stepsOfThisRun), digits: seconds < 10 ? 3 : 1)) ms/step)"
    )
    let last = history.suffix(50)
    line(
      "Final loss \(Readable.fixed(Double(history.last ?? .nan), digits: 4)), mean of the last \(last.count): "
        + Readable.fixed(last.reduce(0) { $0 + Double($1) } / Double(last.count), digits: 4))
    line("Weights hash \(trainer.currentWeightsHash) after step \(trainer.step)")
  }

  public func sample(_ number: Int, _ text: String) {
    line("=== Sample \(number) (\(text.unicodeScalars.count) chars) ===")
    line(text)
  }

  private static func pad(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private static func scientific(_ value: Double) -> String { String(format: "%.2e", value) }

  static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    "\(Readable.grouped(number)) \(number == 1 ? one : many ?? one + "s")"
  }
}
