// What rank 0 gives the user: log, metrics, checkpoints, samples.

import Capacity
import CheckpointFamilies
import Checkpointing
import DataParallel
import GPTModel
import Liveness
import Platform
import RunPlanning
import RunDisplay
import RunFiles
import Synchronization
import TerminalDisplay
import Training
import TrainingState

/// Texts that grow, each on a thread of its own.
private final class Sampled: Sendable {
  private let texts: Mutex<[String.UnicodeScalarView]>

  init(_ count: Int) { texts = Mutex(Array(repeating: .init(), count: count)) }

  func append(_ character: Unicode.Scalar, to sample: Int) {
    texts.withLock { $0[sample].append(character) }
  }

  var all: [String] { texts.withLock { $0 }.map(String.init) }
  /// Characters so far, of all together.
  var length: Int { texts.withLock { $0.reduce(0) { $0 + $1.count } } }
}

/// Rank 0's side of a run.
final class RunOutputs: TrainingOutputs {
  let log: RunLog
  let status: RunStatus
  private let plan: RunPlan
  private let facts: TrainingFacts
  private let tokenizer: CharacterTokenizer
  private let metrics: MetricsFile?
  private let saver: Saver?
  let page: PageFile?
  /// Whether a best state beside the checkpoint is of this training.
  private var hasBest: Bool
  /// What became of what was there before, in lines.
  let keptNotes: [String]

  /// Takes the outputs for this job.
  ///
  /// - Throws: `InvalidInput` if an output cannot be written or another job has it.
  init(
    _ plan: RunPlan, settings: RunSettings, trainer: Trainer, tokenizer: CharacterTokenizer, work: StepWork,
    isResumed: Bool, probe: (any TrainingProbe)?
  ) throws {
    self.plan = plan
    self.tokenizer = tokenizer
    facts = trainer.facts
    hasBest = isResumed && trainer.live.state?.progress.bestValidationLoss.isFinite == true
    status = RunStatus(facts, work: work, saves: plan.saves)
    log = RunLog(facts: facts, pace: plan.logPace, isQuiet: plan.isQuiet, status: status)
    // Before anything is made or touched.
    try StandardStream.queueOutput()
    // Before anything is made or touched.
    if let path = plan.metricsPath { try MetricsFile.checkIsWritable(path) }
    let run = trainer.live.state?.runFingerprint ?? 0
    if let path = plan.pagePath { try PageFile.checkIsFree(path, for: isResumed ? run : nil) }
    let lock = plan.saves ? try OutputLock(checkpoint: plan.checkpointPath, run: settings.runIdentifier) : nil
    if let path = plan.metricsPath { try MetricsFile.refuseHeldFile(at: path) }
    // A restart of the supervisor's goes on with its own files.
    let replaces = plan.options[TrainerOptions.replace] || plan.options[TrainerOptions.restarted]
    if !isResumed { try Self.refuseForeignFiles(plan) }
    let setAsideNotes = try isResumed || replaces ? [] : Self.setAside(plan)
    let state = trainer.live.state
    let metrics = try plan.metricsPath.map {
      try MetricsFile(path: $0, resuming: isResumed ? state?.progress : nil, probe: probe)
    }
    self.metrics = metrics
    let page = try plan.pagePath.map {
      try PageFile(
        path: $0, run: run, resumingAt: isResumed ? trainer.step : nil, seconds: trainer.facts.earlierSeconds,
        metrics: plan.metricsPath, isRestarted: plan.options[TrainerOptions.restarted])
    }
    self.page = page
    var keep = plan.options[TrainerOptions.keep]
    if isResumed, !plan.options.isGiven(TrainerOptions.keep), let state {
      let kept = try? CheckpointRotation.stepFiles(of: plan.checkpointPath, ofRun: state.runFingerprint).count
      keep = max(keep, kept ?? 0)
    }
    let rotation = CheckpointRotation(path: plan.checkpointPath, keep: keep)
    let replaced = replaces && !isResumed ? CheckpointRotation.siblings(of: plan.checkpointPath) : []
    let whenSaved = log.whenSaved
    saver = try lock.map {
      try Saver(
        rotation, lock: $0, metrics: metrics, live: trainer.live, replacing: replaced, probe: probe,
        whenEnded: { outcome in
          page?.saved(step: outcome.progress.step, outcome.error)
          if outcome.error == nil, !outcome.isFinal { whenSaved(outcome.progress, outcome.isBest) }
        })
    }
    keptNotes = (lock?.notes ?? []) + setAsideNotes + (metrics?.notes ?? []) + (page?.notes ?? [])
    let saver = saver
    Watchdog.setLastWish { cause in
      // The state first: there may not be time for both.
      saver?.saveAsLastResort(because: cause)
      page?.lastWords(cause)
    }
  }

  /// Before anything is renamed or replaced: what stands there must be an earlier run's.
  private static func refuseForeignFiles(_ plan: RunPlan) throws {
    if plan.saves { try CheckpointRotation.refuseForeignFile(at: plan.checkpointPath) }
    if let path = plan.metricsPath { try MetricsFile.refuseForeignFile(at: path) }
    if let path = plan.pagePath { try PageFile.refuseForeignFile(at: path) }
  }

  /// Makes room for a new run.
  /// - Returns: a line for each output that an earlier run had under the same name.
  private static func setAside(_ plan: RunPlan) throws -> [String] {
    var notes: [String] = []
    let path = plan.checkpointPath
    let kept = plan.saves ? try CheckpointRotation.setAside(path) : []
    if let first = kept.first {
      let more = kept.count > 1 ? " and \(kept.count - 1) beside it" : ""
      notes.append("the earlier run's \(path) is now \(first)\(more); --resume would have gone on with it")
    }
    if let path = plan.metricsPath, let kept = try MetricsFile.setAside(path) {
      notes.append("the earlier run's \(path) is now \(kept)")
    }
    if let path = plan.pagePath, let kept = try PageFile.setAside(path) {
      notes.append("the earlier run's \(path) is now \(kept)")
    }
    return notes
  }

  /// The best validated state, if this training has saved one.
  var bestPath: String? {
    let path = CheckpointRotation(path: plan.checkpointPath, keep: plan.options[TrainerOptions.keep]).bestPath
    return hasBest && FileIdentity(path) != nil ? path : nil
  }

  var finalSaveFailed: Bool { saver?.finalSaveFailed == true }

  func finished(_ step: StepMetrics) {
    metrics?.append(step)
    page?.append(step)
    log.finished(step)
    if step.step == 1, !plan.options.isGiven(TrainerOptions.initFrom),
      let note = RunNotes.firstLoss(step.loss, of: facts.configuration)
    {
      log.note(note)
      page?.note(note)
    }
  }

  func validating(_ progress: ValidationProgress) {
    page?.show(progress)
    log.validating(progress)
  }

  func validated(_ validation: ValidationMetrics) {
    metrics?.append(validation)
    page?.append(validation)
    log.validated(validation)
  }

  func save(_ snapshot: TrainingSnapshot, isBest: Bool, isFinal: Bool) {
    if isBest { hasBest = true }
    saver?.save(snapshot, isBest: isBest, isFinal: isFinal)
  }

  func sample(_ model: PreparedModel, step: Int) {
    generate(1, with: model, threads: 1)
    status.goesOn()
  }

  /// Samples after training.
  func finalSamples(_ model: PreparedModel) {
    guard plan.sampleCount > 0, !plan.isQuiet else { return }
    model.prepareAll()
    generate(plan.sampleCount, with: model, threads: facts.threads)
  }

  private func generate(_ count: Int, with model: PreparedModel, threads: Int) {
    let configuration = facts.configuration
    var request = GenerationRequest(workflow: configuration.workflow)
    request.temperature = plan.temperature
    request.maximumCharacters = configuration.model.blockSize
    request.seed = configuration.randomSeed
    let texts = Sampled(count)
    let most = count * request.maximumCharacters
    let activity = Activity.begin(
      "sampling, \(Readable.grouped(texts.length)) of at most \(Readable.grouped(most)) characters",
      isCounted: true)
    defer { activity.end() }
    let generator = Generator(model: model, tokenizer: tokenizer, threads: threads)
    // The default prompts of both workflows are in every alphabet.
    try? generator.generate(request, samples: 0..<count) { sample, character in
      texts.append(character, to: sample)
    }
    for (index, text) in texts.all.enumerated() {
      log.sample(index + 1, text)
      page?.append(sample: text)
    }
  }

  /// Bytes of the log that a slow reader may be behind.
  private static let mostQueued = 1 << 20

  var isBehind: Bool { StandardStream.queuedBytes > Self.mostQueued }

  func catchUp() { _ = StandardStream.flushOutput(within: 1e9) }

  var waitedFor: String {
    saver?.waitedFor ?? (isBehind ? "the reader of standard output" : "the disk of the metrics")
  }

  /// No file is written after this.
  func end() {
    saver?.end()
    metrics?.end()
  }
}
