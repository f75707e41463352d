// One rank from start to end: join the job, agree on everything, train, report.

import BuildFacts
import Capacity
import Checkpointing
import CommandLineOptions
import Corpora
import DataParallel
import GPTModel
import Liveness
import Kernels
import Launching
import Platform
import RunPlanning
import RunDisplay
import RunFiles
import TerminalDisplay
import Training
import TrainingState

/// A run of gpt-ddp on this rank.
struct Session {
  let plan: RunPlan
  let communicator: Communicator
  let probe: (any TrainingProbe)?

  /// - Returns: the exit status.
  func run() throws -> Int32 {
    if communicator.isRoot {
      try Launcher.listen { Watchdog.end(status: ExitStatus.interrupted, because: "ended at once") }
    }
    try verifyAgreementOnOptions()
    if plan.options[TrainerOptions.dryRun] { return try rehearse() }
    let (resumed, initial, origin) = try checkpoints()
    let corpus = try CorpusSetup(
      plan, workflow: workflow(resumed), resuming: resumed?.training, communicator: communicator)
    try heedStop()
    let begin = try communicator.together { try beginning(corpus, resumed: resumed, initial: initial) }
    try verifyAgreement(on: begin.configuration, corpus)
    let allocation = SlurmAllocation.current
    let settings = plan.settings(
      localSize: communicator.localSize, processorCount: communicator.localProcessorCount,
      usableCount: Machine.usableProcessorCount, allocation: allocation)
    let capacity = try Activity.during("measuring how fast a step will be") {
      try RunCapacity(
        begin.configuration, settings, saves: plan.saves,
        isForced: plan.options[TrainerOptions.ignoreMemory], communicator: communicator)
    }
    let planned = Readable.bytes(capacity.plannedBytes)
    let trainer = try Activity.during("taking \(planned) of memory for weights, moments and activations") {
      try communicator.together {
        try Trainer(
          configuration: begin.configuration, settings: settings, corpus: begin.corpus,
          weights: begin.weights ?? initialWeights(begin.configuration, threads: settings.threads),
          initialCheckpoint: plan.options[TrainerOptions.initFrom], resuming: resumed?.training,
          communicator: communicator, requests: SignalRequests.take, probe: probe)
      }
    }
    try heedStop()
    let outputs = try communicator.rootWork(RootWait(for: "the disk of rank 0's files")) {
      try verifyOutputs(corpus)
      return try RunOutputs(
        plan, settings: settings, trainer: trainer, tokenizer: begin.corpus.tokenizer,
        work: capacity.work(of: begin.configuration), isResumed: resumed != nil, probe: probe)
    }
    if let outputs {
      let shape = JobShape(
        communicator, threads: settings.threads,
        areThreadsGiven: plan.options.isGiven(TrainerOptions.threads),
        share: allocation?.threads(
          localSize: communicator.localSize, usableCount: Machine.usableProcessorCount,
          hostCount: communicator.localProcessorCount))
      let notes = outputs.keptNotes + begin.notes + shape.notes(for: begin.configuration)
      announce(trainer, outputs.log, corpus, capacity, from: origin, notes)
      try outputs.beginPage(guide(trainer.facts), trainer, corpus: corpus, from: origin, notes)
    }
    return try train(trainer, outputs)
  }

  /// Until the outputs are taken there is nothing to save, and an earlier run to keep. Ctrl-C has ended a download, too.
  func heedStop() throws {
    try communicator.together {
      if communicator.isRoot, SignalRequests.pending.contains(.stop) { throw Interruption() }
    }
  }

  /// Random, drawn by all threads.
  private func initialWeights(_ configuration: TrainingConfiguration, threads: Int) -> FloatArena {
    let table = ParameterTable(configuration.model)
    let activity = Activity.begin("drawing \(Readable.grouped(table.parameterCount)) initial weights")
    defer { activity.end() }
    return table.initialWeights(
      seed: configuration.randomSeed, scheme: configuration.initialScheme,
      standardDeviation: configuration.initialDeviation, team: ThreadTeam(count: threads)
    ) { fraction in
      Watchdog.beat()
      activity.say(
        "drawing \(Readable.grouped(table.parameterCount)) initial weights, \(Int(100 * fraction)) %",
        isCounted: true)
    }
  }

  /// Before anything is made or touched.
  func verifyOutputs(_ corpus: CorpusSetup) throws {
    var inputs = corpus.inputs.map { FilePlace("the corpus \($0)", $0) }
    // Set aside by a new run, the checkpoint that it begins with is safe.
    if let path = plan.options[TrainerOptions.initFrom], plan.options[TrainerOptions.replace] {
      inputs.append(FilePlace("--init-from \(path)", path))
    }
    try OutputTargets.verify(
      inputs: inputs, checkpoint: plan.saves ? plan.checkpointPath : nil, metrics: plan.metricsPath,
      page: plan.pagePath)
  }

  private func announce(
    _ trainer: Trainer, _ log: RunLog, _ corpus: CorpusSetup, _ capacity: RunCapacity, from origin: String,
    _ notes: [String]
  ) {
    announce(trainer.facts, log, corpus, capacity)
    log.entry("saves", guide(trainer.facts).saves)
    for note in corpus.scan.notes(on: corpus.file) + notes { log.note(note) }
    if trainer.step > 0 { log.entry("resume", "after step \(trainer.step), from \(origin)") }
    log.line("")
  }

  /// What is going to be trained, and what it takes.
  func announce(_ facts: TrainingFacts, _ log: RunLog, _ corpus: CorpusSetup, _ capacity: RunCapacity) {
    for note in corpus.notes { log.note(note) }
    log.header(corpus: corpus.scan, path: corpus.path, hosts: hostCount)
    for line in capacity.memoryLines() { log.line(line) }
    log.entry("time", capacity.time(facts))
    log.plannedBytes = capacity.plannedBytes
  }

  private var hostCount: Int { Set(communicator.peers.map(\.host)).count }

  private func guide(_ facts: TrainingFacts) -> RunGuide {
    RunGuide(plan: plan, facts: facts, hostCount: hostCount)
  }

  private func train(_ trainer: Trainer, _ outputs: RunOutputs?) throws -> Int32 {
    let result: TrainingResult
    if let outputs {
      outputs.status.begins()
      Display.show(outputs.status)
    }
    defer { Display.show(nil) }
    do {
      result = try trainer.run(outputs)
    } catch let error where error is AgreedFailure || error is PeerFailure {
      // The ranks have found numbers that are not to be saved any more; what is being saved may end.
      outputs?.endPage(because: error is PeerFailure ? RuntimeFailure("another rank has failed") : error)
      let isStuck = (error as? AgreedFailure)?.cause is UnfinishedWork
      _ = try? settle(outputs, patience: isStuck ? 0 : Self.patience, isStopping: true) { $0.end() }
      throw error
    } catch {
      outputs?.endPage(because: error)
      throw error
    }
    try settle(outputs, isStopping: result.wasStopped) { $0.end() }
    try settle(outputs, isStopping: result.wasStopped) { [self] in conclude(result, trainer, $0) }
    try readLog(outputs, isStopping: result.wasStopped)
    let failed = try communicator.fromRoot { [outputs?.finalSaveFailed == true ? 1 : 0] }
    if failed == [1] { return ExitStatus.failure }
    return result.wasStopped ? ExitStatus.resumable : ExitStatus.success
  }

  /// Seconds that a disk or a reader has once the job is asked to stop.
  private static let patience = 30.0

  /// All ranks wait for what rank 0 still does with its outputs.
  private func settle(
    _ outputs: RunOutputs?, patience: Double = Self.patience, isStopping: Bool,
    _ body: @escaping (RunOutputs) -> Void
  ) throws {
    let wait = RootWait(
      for: outputs?.waitedFor ?? "", patience: patience,
      isAskedToStop: { isStopping || SignalRequests.pending.contains(.stop) })
    try communicator.rootWork(wait) { if let outputs { body(outputs) } }
  }

  /// To the end, unless nobody reads and the job was asked to stop.
  private func readLog(_ outputs: RunOutputs?, isStopping: Bool) throws {
    try communicator.rootWork(RootWait(for: "the reader of standard output")) {
      guard outputs != nil, !StandardStream.flushOutput(within: isStopping ? Self.patience : 1e9) else {
        return
      }
      guard StandardStream.error.isReady else { return }
      printError("warning: nobody reads standard output: the last lines of the log are lost")
    }
  }

  private func conclude(_ result: TrainingResult, _ trainer: Trainer, _ outputs: RunOutputs) {
    // What was reached stays on the screen; nothing is to be seen of how.
    Display.show(nil)
    let log = outputs.log
    log.summary(result)
    let guide = guide(trainer.facts)
    let isSaved = plan.saves && result.steps > 0 && !outputs.finalSaveFailed
    guide.reached(
      log, isSaved: isSaved, best: outputs.bestPath.map { ($0, result.progress.bestValidationLoss) })
    if let profile = result.profile { log.profile(profile) }
    for line in EarlyStop.lines(result, trainer.live.state) { log.result(line) }
    if !result.wasStopped {
      // Nothing is left to save: samples may be interrupted like any program.
      SignalRequests.ignoreWishes()
      outputs.finalSamples(trainer.model)
    }
    log.line("")
    guide.next(log, after: trainer.live.state, isSaved: isSaved)
    outputs.endPage(guide, result, after: trainer.live.state)
  }

  /// Where training begins.
  struct Beginning {
    let configuration: TrainingConfiguration
    let corpus: TrainingCorpus
    /// Nil if they are to be drawn.
    let weights: FloatArena?
    /// Lines for the log.
    let notes: [String]
  }

  func beginning(
    _ corpus: CorpusSetup, resumed: TrainingSnapshot?, initial: TrainingSnapshot?
  ) throws -> Beginning {
    let source = resumed ?? initial
    let tokenizer = source?.tokenizer ?? corpus.scan.tokenizer
    let model = try source?.configuration ?? plan.model(vocabularySize: tokenizer.vocabularySize)
    if initial != nil { try plan.checkSizes(of: model) }
    let state = resumed?.training
    if let state, state.corpus.sha256 != corpus.scan.sha256 {
      throw InvalidInput(
        "\(corpus.path) is not the corpus that \(plan.checkpointPath) was trained on (\(state.corpus.dataset), "
          + "sha256 \(state.corpus.sha256.prefix(8))…); give that file with --data")
    }
    if state != nil, corpus.scan.hasByteOrderMark, tokenizer.id(of: "\u{FEFF}") != nil,
      !corpus.scan.scalars.contains("\u{FEFF}")
    {
      throw InvalidInput(
        "\(plan.checkpointPath) is of a version for which the byte order mark of \(corpus.path) was a character; "
          + "go on with that version, or begin anew with --init-from")
    }
    let draft = state?.configuration ?? plan.draft
    let split = try CorpusSplit(
      file: corpus.file, scan: corpus.scan, tokenizer: tokenizer, blockSize: model.blockSize,
      validationFraction: draft.validationFraction, order: corpus.order)
    let sequences = split.training.count
    let resumption = try state.map { try plan.configuration(resuming: $0, sequences: sequences) }
    let configuration =
      try resumption?.configuration
      ?? plan.configuration(model: model, sequences: sequences, heldOut: split.validation?.count ?? 0)
    return Beginning(
      configuration: configuration,
      corpus: TrainingCorpus(
        dataset: corpus.dataset, path: corpus.storedPath, sha256: corpus.scan.sha256,
        tokenizer: tokenizer, split: split),
      weights: source?.weights, notes: resumption?.notes ?? [])
  }

  /// What is read before anything else.
  /// - Returns: the state to go on from, or the one whose weights to begin with; on rank 0, the file of the former.
  func checkpoints() throws -> (resumed: TrainingSnapshot?, initial: TrainingSnapshot?, origin: String) {
    var origin = plan.checkpointPath
    let resumed = try resume(from: &origin)
    guard resumed == nil, let path = plan.options[TrainerOptions.initFrom] else {
      return (resumed, nil, origin)
    }
    return (nil, try loadForAll { try CheckpointFile.read(path) }, origin)
  }

  func workflow(_ resumed: TrainingSnapshot?) -> Workflow {
    resumed?.training?.configuration.workflow ?? plan.draft.workflow
  }

  /// The state to go on from: the user's wish, or that of the supervisor, whose job may have died before its first
  /// checkpoint. An older run's file in the same place is none of this run.
  ///
  /// - Parameter origin: on rank 0, becomes the path of the file that it is in.
  private func resume(from origin: inout String) throws -> TrainingSnapshot? {
    let path = plan.checkpointPath
    var source = path
    defer { origin = source }
    if plan.options[TrainerOptions.resume] {
      return try loadForAll {
        guard CheckpointRotation.isPresent(at: path) else { throw plan.noCheckpoint }
        let found = try newestGood(path)
        source = found.path
        return found.snapshot
      }
    }
    if plan.options[TrainerOptions.autoResume] {
      return try loadForAll {
        guard CheckpointRotation.isPresent(at: path) else { return nil }
        do {
          let found = try newestGood(path)
          source = found.path
          return found.snapshot
        } catch let error as InvalidInput {
          throw InvalidInput("\(error); --auto-resume begins anew only where there is none")
        }
      }
    }
    guard plan.options[TrainerOptions.restarted], let run = plan.options[TrainerOptions.run] else {
      return nil
    }
    return try loadForAll {
      guard let found = try? newestGood(path), found.snapshot.training?.progress.run == run else {
        printError("warning: the job ended before its first checkpoint; it begins anew")
        return nil
      }
      source = found.path
      return found.snapshot
    }
  }

  private func newestGood(_ path: String) throws -> CheckpointRotation.Found {
    let found = try CheckpointRotation.newestGood(near: path)
    for refusal in found.skipped { printError("warning: skipped \(refusal)") }
    if !found.skipped.isEmpty { printError("warning: resuming from \(found.path)") }
    return found
  }

  /// Rank 0 reads a checkpoint, if there is one to read; all ranks get it.
  func loadForAll(_ read: @escaping () throws -> TrainingSnapshot?) throws -> TrainingSnapshot? {
    var loaded: TrainingSnapshot?
    let activity = communicator.isRoot ? Activity.begin("reading the checkpoint") : nil
    defer { activity?.end() }
    let described = try communicator.fromRoot(waitingFor: "the disk of a checkpoint") {
      loaded = try read()
      // Nobody else waits for a copy.
      return communicator.worldSize > 1 ? loaded?.serialized() ?? [] : []
    }
    if communicator.isRoot { return loaded }
    return try described.isEmpty ? nil : TrainingSnapshot(serialized: described)
  }

  /// What must be equal on all ranks for them to go the same way. Before anything that ranks do together.
  func verifyAgreementOnOptions() throws {
    guard communicator.worldSize > 1 else { return }
    let options = plan.options.arguments(without: [TrainerOptions.threads])
    try StartupAgreement([
      .init("program", try ProgramIdentity.hash()), .init("options", options.joined(separator: " ")),
      .init("MPI", communicator.libraryVersion),
    ]).verify(communicator)
  }

  /// What must be equal on all ranks for the bits to be equal.
  private func verifyAgreement(on configuration: TrainingConfiguration, _ corpus: CorpusSetup) throws {
    guard communicator.worldSize > 1 else { return }
    try StartupAgreement([
      .init("corpus", corpus.scan.sha256), .init("kernels", configuration.backend.kernelFamily),
    ]).verify(communicator)
  }
}
