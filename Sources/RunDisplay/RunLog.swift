// The lines that rank 0 prints. Nothing here is needed to train.

import CommandLineOptions
import Foundation
import GPTModel
import Platform
import Synchronization
import TerminalDisplay
import Training
import TrainingState

/// Prints a run for people: MicroGPT.jl's lines, with speed and time left. Lines fit 79 columns.
package final class RunLog {
  let facts: TrainingFacts
  private let pace: LogPace
  /// Whether only the result and what a user should know is printed.
  private let isQuiet: Bool
  private let status: RunStatus
  private var windowStart: (seconds: Double, tokens: Int)
  private var tokens = 0
  /// Seconds of the training at the last line about a step.
  private var lastLine: Double?
  private let stepWidth: Int
  private static let epochWidth = 2
  private var warnedOfStraggler = false
  private var validation: (activity: Activity, nextLine: Double)?
  /// Of this run.
  private(set) var lastValidation: ValidationMetrics?
  /// What rank 0 is to take by the plan.
  package var plannedBytes: Int?

  package init(facts: TrainingFacts, pace: LogPace, isQuiet: Bool = false, status: RunStatus) {
    self.facts = facts
    self.pace = pace
    self.isQuiet = isQuiet
    self.status = status
    // Rates count from here, not from the beginning of an interrupted training.
    windowStart = (facts.earlierSeconds, 0)
    stepWidth = max(5, String(facts.configuration.totalSteps).count)
  }

  /// Of what the run is and does: left out by `--quiet`. Written at once, in one piece.
  package func line(_ text: String) { if !isQuiet { result(text) } }

  /// Of what the run has reached.
  package func result(_ text: String) { StandardStream.output.line(text) }

  /// A word and what belongs to it, over several lines if need be.
  package func entry(_ word: String, _ text: String) {
    for line in Self.entry(word, text) { self.line(line) }
  }

  /// What a user should know.
  package func note(_ text: String) { for line in Self.entry("note", text) { result(line) } }

  static func entry(_ word: String, _ text: String) -> [String] {
    wrapped(word.padded(to: entryWidth) + text, indent: entryWidth)
  }

  private static let entryWidth = 11

  // MARK: Steps

  /// `epoch  1 | step    10 / 2040 | lr 1.47e-05 | loss 5.9321 | 61,234 tok/s | ETA 4m`
  package func finished(_ metrics: StepMetrics) {
    status.finished(metrics)
    tokens += metrics.tokens
    let since = lastLine.map { metrics.seconds - $0 }
    let isDue = pace.isDue(
      step: metrics.step, first: facts.firstStep + 1, last: facts.lastStep, seconds: since)
    guard isDue, !isQuiet else { return }
    line(stepLine(metrics))
    lastLine = metrics.seconds
    windowStart = (metrics.seconds, tokens)
    if !warnedOfStraggler, let slow = metrics.straggler {
      warnedOfStraggler = true
      note(slow)
    }
  }

  private func stepLine(_ metrics: StepMetrics) -> String {
    let seconds = metrics.seconds - windowStart.seconds
    let speed = seconds > 0 ? Double(tokens - windowStart.tokens) / seconds : nil
    // From the whole run, so that validations, samples and saves count with their share.
    let left = facts.lastStep - metrics.step
    let perStep = (metrics.seconds - facts.earlierSeconds) / Double(max(1, metrics.step - facts.firstStep))
    return StepLine(
      position: Self.position(metrics.step, epoch: metrics.epoch, of: facts.configuration.totalSteps),
      learningRate: "lr \(Self.scientific(metrics.learningRate))",
      loss: "loss \(Readable.fixed(metrics.loss, digits: 4))",
      gradientNorm: metrics.gradientNorm.map { "grad \(Readable.fixed($0, digits: 3))" },
      tokensPerSecond: speed, secondsLeft: left > 0 ? Double(left) * perStep : nil
    ).text
  }

  static func position(_ step: Int, epoch: Int, of total: Int) -> String {
    let width = max(5, String(total).count)
    return "epoch \(pad("\(epoch)", right: epochWidth)) | step \(pad("\(step)", right: width)) / \(total)"
  }

  private func position(_ step: Int, epoch: Int) -> String {
    Self.position(step, epoch: epoch, of: facts.configuration.totalSteps)
  }

  // MARK: Validations, samples, saves

  /// Seconds before the first line about a validation that takes long, and between two.
  private static let validationDelays = (first: 2.0, later: 5.0)

  /// `epoch  1 | step  1000 / 2040 | validating, 34 %, 12s left`
  package func validating(_ progress: ValidationProgress) {
    let now = monotonicSeconds()
    let isNew = validation == nil
    var current = validation ?? (Activity.begin("validating"), now + Self.validationDelays.first)
    defer { validation = current }
    guard !isNew, let left = progress.secondsLeft else { return }
    let words = "validating, \(Int(100 * progress.fraction)) %"
    current.activity.say("\(words), \(Readable.duration(seconds: left)) left", isCounted: true)
    // A live line has it.
    guard now >= current.nextLine, pace != .atTheEnd else { return }
    current.nextLine = now + Self.validationDelays.later
    line(
      position(progress.step, epoch: progress.epoch)
        + " | \(words), \(Readable.duration(seconds: left)) left")
  }

  package func validated(_ metrics: ValidationMetrics) {
    validation?.activity.end()
    validation = nil
    lastValidation = metrics
    status.validated(metrics.loss)
    let loss = Readable.fixed(metrics.loss, digits: 4)
    line(
      position(metrics.step, epoch: metrics.epoch)
        + " | validation loss \(loss)\(metrics.isBest ? ", the best so far" : "")")
  }

  package func sample(_ number: Int, _ text: String) {
    guard !isQuiet else { return }
    line("=== Sample \(number) (\(text.unicodeScalars.count) chars) ===")
    StandardStream.output.generated(text)
  }

  /// What to do when a state is on the disk; on any thread.
  package var whenSaved: @Sendable (_ progress: TrainingProgress, _ isBest: Bool) -> Void {
    let (status, total, isSilent) = (status, facts.configuration.totalSteps, isQuiet || pace == .never)
    let lastLine = SaveLines()
    return { progress, isBest in
      status.saved()
      guard !isSilent, lastLine.isDue(at: monotonicSeconds()) else { return }
      StandardStream.output.line(
        Self.position(progress.step, epoch: progress.epoch, of: total)
          + " | saved\(isBest ? ", also as the best state" : "")")
    }
  }

  // MARK: The end

  /// MicroGPT.jl's last lines.
  package func summary(_ outcome: TrainingResult) {
    let step = outcome.progress.step
    if outcome.steps > 0 {
      let digits = outcome.seconds < 10 ? 3 : 1
      let history = outcome.progress.lossHistory
      let last = history.suffix(50)
      line("")
      result(
        "Training took \(Readable.fixed(outcome.seconds, digits: digits)) s "
          + "(\(Readable.fixed(1000 * outcome.seconds / Double(outcome.steps), digits: digits)) ms/step)")
      result(
        "Final loss \(Readable.fixed(Double(history.last ?? .nan), digits: 4)), mean of the last \(last.count): "
          + Readable.fixed(last.reduce(0) { $0 + Double($1) } / Double(last.count), digits: 4))
    } else {
      result("Nothing to do: step \(step) was already reached.")
    }
    if let lastValidation {
      result(
        "Validation loss \(Readable.fixed(lastValidation.loss, digits: 4)) after step \(lastValidation.step), "
          + "best \(Readable.fixed(outcome.progress.bestValidationLoss, digits: 4))")
    }
    result("Weights hash \(outcome.weightsHash) after step \(step)")
    if outcome.wasStopped {
      result("Stopped by request after step \(step) of \(facts.configuration.totalSteps)")
    }
  }

  /// Where what was reached stands.
  package func place(_ title: String, _ path: String, _ more: String = "") {
    for line in wrapped("\(title) \(path)\(more)") { result(line) }
  }

  /// A command to go on with.
  /// - Parameter words: quoted for a shell.
  package func next(_ title: String, _ words: [String]) {
    for line in wrappedCommand(title, words) { self.line(line) }
  }

  static func pad(_ text: String, right width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  static func scientific(_ value: Double) -> String { String(format: "%.2e", value) }
}

/// Lines about saves that come fast are left out but for one in a while.
final class SaveLines: Sendable {
  private let last = Mutex(-Double.infinity)
  private static let interval = 2.0

  func isDue(at now: Double) -> Bool {
    last.withLock { last in
      guard now - last >= Self.interval else { return false }
      last = now
      return true
    }
  }
}
