// `--dry-run`: everything before the first step, and nothing written. What would be refused is refused alike.

import Capacity
import Checkpointing
import Corpora
import CorpusFiles
import DataParallel
import GPTModel
import Launching
import Platform
import RunPlanning
import RunDisplay
import RunFiles
import Training
import TrainingState

extension Session {
  /// What rank 0 knows of the training, with the numbers from which the others find their part.
  private struct Rehearsal {
    let corpus: CorpusSetup
    let begin: Beginning

    var numbers: [UInt8] {
      var writer = ByteWriter()
      writer.append(begin.configuration.model.vocabularySize)
      writer.append(begin.corpus.split.training.count)
      writer.append(begin.corpus.split.validation?.count ?? 0)
      return writer.bytes
    }
  }

  /// Says what `run` would do.
  func rehearse() throws -> Int32 {
    let (resumed, initial, origin) = try checkpoints()
    let progress = WorkProgress()
    var lack: String?
    let wait = RootWait(for: progress.line, isAskedToStop: { SignalRequests.pending.contains(.stop) })
    let rehearsal = try communicator.rootWork(wait) { () -> Rehearsal? in
      do {
        let corpus = try CorpusSetup(
          previewing: plan, workflow: workflow(resumed), resuming: resumed?.training, progress)
        try verifyOutputs(corpus)
        return Rehearsal(
          corpus: corpus, begin: try beginning(corpus, resumed: resumed, initial: initial))
      } catch let error as CorpusNotHere {
        lack = error.words
      } catch let error as NotDecompressed {
        lack = "\(error.path) would be decompressed"
      }
      return nil
    }.flatMap { $0 }
    try heedStop()
    let described = try communicator.fromRoot { rehearsal?.numbers ?? [] }
    guard !described.isEmpty else {
      try communicator.rootWork(RootWait(for: "the disk of rank 0's files")) {
        for line in try outputLines(after: resumed?.training, total: nil) {
          StandardStream.output.line(line)
        }
      }
      if communicator.isRoot {
        StandardStream.output.line("corpus     \(lack ?? "")")
        StandardStream.output.line(
          "           sizes, steps, memory and time follow from its text; give it with --data")
        StandardStream.output.line(Self.lastLine)
      }
      return ExitStatus.success
    }
    let configuration = try communicator.together {
      try rehearsal?.begin.configuration
        ?? planned(described, resuming: resumed?.training, initial: initial)
    }
    if communicator.worldSize > 1 {
      try StartupAgreement([.init("kernels", configuration.backend.kernelFamily)]).verify(communicator)
    }
    let settings = plan.settings(
      localSize: communicator.localSize, processorCount: communicator.localProcessorCount,
      usableCount: Machine.usableProcessorCount, allocation: SlurmAllocation.current)
    let capacity = try RunCapacity(
      configuration, settings, saves: plan.saves, isForced: plan.options[TrainerOptions.ignoreMemory],
      communicator: communicator)
    try communicator.rootWork(RootWait(for: "the disk of rank 0's files")) {
      guard let rehearsal else { return }
      try say(rehearsal, settings, capacity, resumed?.training, from: origin)
    }
    return ExitStatus.success
  }

  private static let lastLine = "dry run    nothing was trained or written; without --dry-run it begins"

  /// What a rank without the text knows.
  private func planned(
    _ described: [UInt8], resuming state: TrainingState?, initial: TrainingSnapshot?
  ) throws -> TrainingConfiguration {
    var reader = ByteReader(
      described, garbled: RuntimeFailure("rank 0 described the corpus in a way not understood"))
    let vocabulary: Int = try reader.number()
    let (sequences, heldOut): (Int, Int) = (try reader.number(), try reader.number())
    if let state { return try plan.configuration(resuming: state, sequences: sequences).configuration }
    let model = try initial?.configuration ?? plan.model(vocabularySize: vocabulary)
    return try plan.configuration(model: model, sequences: sequences, heldOut: heldOut)
  }

  private func say(
    _ rehearsal: Rehearsal, _ settings: RunSettings, _ capacity: RunCapacity, _ state: TrainingState?,
    from origin: String
  ) throws {
    let (corpus, begin) = (rehearsal.corpus, rehearsal.begin)
    let facts = try TrainingFacts(
      planning: begin.configuration, settings, begin.corpus, worldSize: communicator.worldSize,
      from: state?.progress ?? TrainingProgress())
    // Refusals come before the first line.
    let outputs = try outputLines(after: state, total: facts.lastStep)
    let work = capacity.work(of: facts.configuration)
    let log = RunLog(
      facts: facts, pace: plan.logPace, status: RunStatus(facts, work: work, saves: plan.saves))
    announce(facts, log, corpus, capacity)
    for line in outputs { log.line(line) }
    for note in corpus.scan.notes(on: corpus.file) + begin.notes { log.note(note) }
    if let state {
      log.line("resume     after step \(state.progress.step), from \(origin)")
      if begin.configuration.totalSteps == state.configuration.totalSteps,
        isOutOfPatience(state, with: begin.configuration)
      {
        for line in EarlyStop.lines(of: state) { log.result(line) }
      } else if facts.firstStep >= facts.lastStep {
        log.note("nothing is left to do: step \(facts.firstStep) was already reached")
      }
    }
    log.line(Self.lastLine)
  }

  private func isOutOfPatience(_ state: TrainingState, with configuration: TrainingConfiguration) -> Bool {
    var state = state
    state.configuration = configuration
    return state.isOutOfPatience
  }

  /// What would be written where, and what would have to go.
  private func outputLines(after state: TrainingState?, total: Int?) throws -> [String] {
    let preview = OutputPreview(
      checkpoint: plan.saves ? plan.checkpointPath : nil, metrics: plan.metricsPath, page: plan.pagePath,
      replaces: plan.options[TrainerOptions.replace])
    return try preview.lines(
      isResumed: state != nil, run: state?.runFingerprint, total: total,
      interval: plan.options[TrainerOptions.checkpointInterval] ?? plan.preset.checkpointInterval)
  }
}
