// What rank 0 gives the user: log, metrics, checkpoints, samples.

import Checkpointing
import Diagnostics
import Foundation
import GPTModel
import Synchronization
import Training

/// Rank 0's side of a run.
final class Outputs: TrainingOutputs {
  let log: RunLog
  private let plan: RunPlan
  private let metrics: MetricsFile?
  private let lock: OutputLock?
  private let writer: BackgroundWriter?
  private let rotation: CheckpointRotation
  private var bestValidationLoss = Double.infinity
  private var bestStep = -1
  /// Held while saving, by the thread that trains or by `LastResort`.
  private let saveLock = NSLock()
  private var savedStep: Int
  private var hasEnded = false
  /// A final save that failed decides the exit status.
  private(set) var finalSaveFailed = false

  /// Takes the output for this job.
  ///
  /// - Parameter resumedStep: nil begins the metrics file anew.
  /// - Throws: `InvalidInput` if an output cannot be written or another job has it.
  init(_ plan: RunPlan, settings: RunSettings, resumedStep: Int?) throws {
    self.plan = plan
    savedStep = resumedStep ?? 0
    log = RunLog(settings: settings)
    rotation = CheckpointRotation(path: plan.checkpointPath, keep: plan.options.int("keep"))
    // Before anything is made or touched.
    if let path = plan.options.givenString("metrics") { try MetricsFile.checkIsWritable(path) }
    lock = plan.saves ? try OutputLock(checkpoint: plan.checkpointPath, run: settings.runIdentifier) : nil
    metrics = try plan.options.givenString("metrics").map {
      try MetricsFile(path: $0, resumedStep: resumedStep)
    }
    writer =
      plan.saves
      ? try BackgroundWriter { error in
        printError("warning: no checkpoint was saved: \(error); the last one is intact, training goes on")
      } : nil
  }

  func begin(_ trainer: Trainer) {
    if trainer.bestValidationLoss.isFinite { bestValidationLoss = trainer.bestValidationLoss }
    log.begin(trainer)
  }

  func finished(_ step: StepMetrics, _ trainer: Trainer) {
    metrics?.append(step)
    log.finished(step, trainer)
  }

  func validated(_ loss: Double, _ trainer: Trainer) {
    metrics?.append(validationLoss: loss, step: trainer.step)
    log.validated(loss, trainer)
    if loss < bestValidationLoss {
      bestValidationLoss = loss
      bestStep = trainer.step
    }
  }

  func save(_ trainer: Trainer, isFinal: Bool) throws {
    guard let writer else { return }
    saveLock.lock()
    defer { saveLock.unlock() }
    // The metrics file must never be behind a checkpoint: what a resumed run finds there it does not repeat.
    metrics?.flush()
    let (rotation, isBest, faults) = (rotation, bestStep == trainer.step, trainer.faults)
    writer.submit(trainer.snapshot()) { snapshot in
      try rotation.save(snapshot, isBest: isBest) { phase in
        // Faults at these points end the process or do nothing.
        try? faults?.reach(phase.faultPoint, step: snapshot.training?.progress.step ?? 0, rank: 0)
      }
    }
    savedStep = trainer.step
    if isFinal {
      do { try writer.wait() } catch { finalSaveFailed = true }
    }
  }

  /// Saves the last finished step from another thread while the next one is computed.
  ///
  /// - Returns: the step that is safe now, nil where nothing is saved or the run has ended.
  func saveLastFinishedStep(_ trainer: Trainer) -> Int? {
    guard let writer else { return nil }
    return trainer.stateLock.withLock {
      saveLock.withLock {
        guard !hasEnded else { return nil }
        do {
          try writer.wait()
          guard trainer.step > savedStep else { return savedStep > 0 ? savedStep : nil }
          metrics?.flush()
          // Here and now: the writer's thread gives way to those that compute.
          try rotation.save(trainer.snapshot())
          savedStep = trainer.step
          return savedStep
        } catch {
          printError("warning: the last finished step could not be saved: \(error)")
          return nil
        }
      }
    }
  }

  func sample(_ trainer: Trainer) {
    let generator = Generator(model: trainer.model, tokenizer: trainer.tokenizer)
    trainer.model.prepareAll()
    generate(generator, trainer, samples: 0..<1)
  }

  /// Samples after training.
  func finalSamples(_ trainer: Trainer) {
    guard plan.sampleCount > 0 else { return }
    trainer.model.prepareAll()
    let generator = Generator(
      model: trainer.model, tokenizer: trainer.tokenizer, threads: trainer.settings.threads)
    generate(generator, trainer, samples: 0..<plan.sampleCount)
  }

  private func generate(_ generator: Generator, _ trainer: Trainer, samples: Range<Int>) {
    var request = GenerationRequest(
      workflow: trainer.configuration.workflow == .documents ? .documents : .chunks)
    request.temperature = plan.temperature
    request.maximumCharacters = trainer.configuration.model.blockSize
    request.seed = trainer.configuration.seed
    let texts = Mutex([String.UnicodeScalarView](repeating: .init(), count: samples.count))
    // The default prompts of both workflows are in every alphabet.
    try? generator.generate(request, samples: samples) { sample, character in
      texts.withLock { $0[sample - samples.lowerBound].append(character) }
    }
    for (index, text) in texts.withLock({ $0 }).enumerated() { log.sample(index + 1, String(text)) }
  }

  /// Nothing is written after this.
  func end() {
    saveLock.lock()
    defer { saveLock.unlock() }
    hasEnded = true
    metrics?.flush()
    lock?.release()
  }
}

extension CheckpointFile.WritePhase {
  fileprivate var faultPoint: FaultPlan.Point {
    switch self {
    case .written: .saveWritten
    case .verified: .saveVerified
    case .renamed: .saveRenamed
    }
  }
}

/// One line on standard error, in one piece.
func printError(_ line: String) { StandardStream.error.line(line) }
