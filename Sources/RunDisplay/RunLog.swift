// The lines that rank 0 prints. Nothing here is needed to train.

import Corpora
import Foundation
import GPTModel
import Kernels
import Platform
import Training
import TrainingState

/// Prints a run for people: MicroGPT.jl's lines, with speed and time left.
package final class RunLog {
  private let facts: TrainingFacts
  private let logInterval: Int
  private var windowStart: (step: Int, seconds: Double, tokens: Int)
  private var tokens = 0
  private let stepWidth: Int
  private let epochWidth = 2
  private var warnedOfStraggler = false
  /// What rank 0 is to take by the plan.
  package var plannedBytes: Int?

  package init(facts: TrainingFacts, logInterval: Int) {
    self.facts = facts
    self.logInterval = logInterval
    // Rates count from here, not from the beginning of an interrupted training.
    windowStart = (facts.firstStep, facts.earlierSeconds, 0)
    stepWidth = max(5, String(facts.configuration.totalSteps).count)
  }

  /// Written at once, in one piece: lines appear when they are written, also in a pipe.
  package func line(_ text: String) { StandardStream.output.line(text) }

  package func note(_ text: String) { line("note       \(text)") }

  /// What is going to happen, before the first step.
  ///
  /// - Parameter hosts: how many the ranks are on.
  package func header(corpus: CorpusScan, path: String, hosts: Int) {
    let c = facts.configuration
    let m = c.model
    line(
      "model      \(Readable.grouped(m.parameterCount)) parameters: n_embd \(m.embeddingSize), "
        + "n_layer \(m.layerCount), n_head \(m.headCount), block_size \(m.blockSize), "
        + "vocab_size \(m.vocabularySize)")
    line(
      "corpus     \(path): \(Readable.grouped(corpus.characterCount)) characters, "
        + "sha256 \(corpus.sha256.prefix(8))…\(corpus.sha256.suffix(4))")
    line(batchLine)
    if let line = validationLine(c) { self.line(line) }
    line(scheduleLine(c))
    line(
      "machine    \(Readable.count(facts.worldSize, "rank")) on \(Readable.count(hosts, "host")), "
        + "\(Readable.count(facts.threads, "thread")) each; \(Readable.count(c.leafCount, "leaf", "leaves")) of "
        + "\(c.microbatchSize); \(facts.kernelFamily) kernels, \(targetVectorWidth)")
  }

  private var batchLine: String {
    let c = facts.configuration
    let unit = c.workflow.rawValue
    var text = "batches    \(Readable.grouped(facts.sequenceCount)) \(unit), "
    text += "\(Readable.count(facts.stepsPerEpoch, "batch", "batches")) of \(c.globalBatchSize) an epoch"
    if facts.leftoverCount > 0 { text += " (\(facts.leftoverCount) left over)" }
    if let held = facts.heldOutCount { text += "; \(Readable.grouped(held)) \(unit) held out" }
    return text
  }

  /// Only where it is not all of the held-out part after each epoch.
  private func validationLine(_ c: TrainingConfiguration) -> String? {
    guard let held = facts.heldOutCount, let count = facts.validatedCount else { return nil }
    guard count < held || c.validationInterval > 0 else { return nil }
    let when =
      switch c.validationInterval {
      case 0: "once an epoch"
      case 1: "after each step"
      default: "every \(Readable.grouped(c.validationInterval)) steps"
      }
    let part =
      count < held
      ? "\(Readable.grouped(count)) of them, evenly spread (--\(SettingsTable.validationBatches.name) "
        + "\(c.validationBatches))" : "all of them"
    return "validation \(when), and at the end, \(part)"
  }

  private func scheduleLine(_ c: TrainingConfiguration) -> String {
    let s = c.schedule
    let steps = "schedule   \(Readable.grouped(s.totalSteps)) steps: "
    let ends = s.restarts.map(String.init)
    let again = ends.isEmpty ? "" : "; again after \(ends.joined(separator: ", "))"
    switch s.kind {
    case .cosine:
      return steps + "\(s.warmupSteps) of warm-up to \(Self.scientific(s.peak)), then a cosine to zero"
        + again
    case .linear: return steps + "from \(Self.scientific(s.peak)) linearly to zero" + again
    }
  }

  /// `epoch  1 | step    10 / 2040 | lr 1.47e-05 | loss 5.9321 | 61,234 tok/s | ETA 4m 10s`
  package func finished(_ metrics: StepMetrics) {
    tokens += metrics.tokens
    guard logInterval > 0, metrics.step % logInterval == 0 else { return }
    var text = position(metrics.step, epoch: metrics.epoch)
    text += " | lr \(Self.scientific(metrics.learningRate)) | loss \(Readable.fixed(metrics.loss, digits: 4))"
    if let norm = metrics.gradientNorm { text += " | grad \(Readable.fixed(norm, digits: 3))" }
    let seconds = metrics.seconds - windowStart.seconds
    let steps = metrics.step - windowStart.step
    if seconds > 0, steps > 0 {
      text += " | \(Readable.grouped(Int(Double(tokens - windowStart.tokens) / seconds))) tok/s"
    }
    // From the whole run, so that validations, samples and saves count with their share.
    let left = facts.lastStep - metrics.step
    if left > 0, metrics.step > facts.firstStep {
      let perStep = (metrics.seconds - facts.earlierSeconds) / Double(metrics.step - facts.firstStep)
      text += " | ETA \(Readable.duration(seconds: Double(left) * perStep))"
    }
    line(text)
    windowStart = (metrics.step, metrics.seconds, tokens)
    if !warnedOfStraggler, let slow = metrics.straggler {
      warnedOfStraggler = true
      note(slow)
    }
  }

  /// `epoch  1 | step  1000 / 2040 | validating, 34 %, 12s left`
  package func validating(_ progress: ValidationProgress) {
    line(
      position(progress.step, epoch: progress.epoch)
        + " | validating, \(Int(100 * progress.fraction)) %, \(Readable.duration(seconds: progress.secondsLeft)) left"
    )
  }

  package func validated(_ validation: ValidationMetrics) {
    line(
      position(validation.step, epoch: validation.epoch)
        + " | validation loss \(Readable.fixed(validation.loss, digits: 4))")
  }

  private func position(_ step: Int, epoch: Int) -> String {
    "epoch \(Self.pad(epoch, epochWidth)) | step \(Self.pad(step, stepWidth)) / \(facts.configuration.totalSteps)"
  }

  /// MicroGPT.jl's last lines.
  package func summary(_ result: TrainingResult) {
    let step = result.progress.step
    if result.steps > 0 {
      let digits = result.seconds < 10 ? 3 : 1
      let history = result.progress.lossHistory
      let last = history.suffix(50)
      line("")
      line(
        "Training took \(Readable.fixed(result.seconds, digits: digits)) s "
          + "(\(Readable.fixed(1000 * result.seconds / Double(result.steps), digits: digits)) ms/step)")
      line(
        "Final loss \(Readable.fixed(Double(history.last ?? .nan), digits: 4)), mean of the last \(last.count): "
          + Readable.fixed(last.reduce(0) { $0 + Double($1) } / Double(last.count), digits: 4))
    } else {
      line("Nothing to do: step \(step) was already reached.")
    }
    line("Weights hash \(result.weightsHash) after step \(step)")
  }

  package func sample(_ number: Int, _ text: String) {
    line("=== Sample \(number) (\(text.unicodeScalars.count) chars) ===")
    StandardStream.output.generated(text)
  }

  private static func pad(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private static func scientific(_ value: Double) -> String { String(format: "%.2e", value) }
}
