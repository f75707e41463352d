// One rank from start to end: join the job, agree on everything, train, report.

import Checkpointing
import CommandLineOptions
import DataParallel
import Diagnostics
import Foundation
import GPTModel
import Kernels
import Training

/// A run of gpt-ddp on this rank.
struct Session {
  let plan: RunPlan
  let communicator: Communicator

  /// - Returns: the exit status.
  func run() throws -> Int32 {
    SignalRequests.install()
    try verifyAgreement(onOptions: plan.options)
    let faults = try communicator.together { try plan.options.givenString("fault").map { try FaultPlan($0) } }
    let resumed = try resume()
    let initial =
      try resumed == nil
      ? plan.options.givenString("init-from").flatMap { path in
        try loadForAll { try CheckpointFile.read(path) }
      } : nil
    let workflow = try communicator.together {
      try resumed?.training.map { try self.workflow(of: $0) } ?? plan.preset.workflow
    }
    let corpus = try CorpusSetup(plan, workflow: workflow, communicator: communicator)
    let begin = try communicator.together {
      try beginning(corpus, resumed: resumed, initial: initial)
    }
    try verifyAgreement(on: begin.configuration, corpus)
    if let count = plan.options.givenInt("measure-allreduce") {
      let seconds = try ExchangeBenchmark.seconds(count, begin.configuration, communicator)
      if communicator.isRoot { print("{\"seconds\": \(seconds)}") }
      return ExitStatus.success
    }
    let settings = plan.settings(
      localSize: communicator.localSize, coreCount: Communicator.coreCount,
      usableCount: Machine.usableProcessors)
    let trainer = try communicator.together {
      try Trainer(
        configuration: begin.configuration, settings: settings, tokenizer: begin.tokenizer,
        split: begin.split,
        corpus: CorpusIdentity(dataset: corpus.dataset, sha256: corpus.scan.sha256), weights: begin.weights,
        resuming: resumed?.training, communicator: communicator)
    }
    trainer.pendingRequests = SignalRequests.take
    if let faults, faults.isInEveryStart || !plan.options.flag("restarted") { trainer.faults = faults }
    let outputs = try communicator.together {
      communicator.isRoot
        ? try Outputs(plan, settings: settings, resumedStep: resumed.map { _ in trainer.step }) : nil
    }
    return try train(trainer, outputs, corpus)
  }

  private func train(_ trainer: Trainer, _ outputs: Outputs?, _ corpus: CorpusSetup) throws -> Int32 {
    if let outputs {
      if let note = corpus.note { outputs.log.line("note       \(note)") }
      outputs.log.header(trainer, corpus: corpus.scan, path: corpus.path, localSizes: rankSummary)
      if trainer.step > 0 {
        outputs.log.line("resume     after step \(trainer.step), from \(plan.checkpointPath)")
      }
      outputs.log.line("")
      outputs.begin(trainer)
      LastResort.watch(trainer, outputs, checkpointPath: plan.checkpointPath)
    }
    let firstStep = trainer.step
    let start = ContinuousClock.now
    let wasStopped: Bool
    do {
      wasStopped = try trainer.run(outputs)
    } catch let error where error is AgreedFailure || error is PeerFailure {
      // The ranks have found numbers that are not to be saved any more.
      outputs?.end()
      throw error
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    outputs?.end()
    if let outputs {
      outputs.log.summary(trainer, stepsOfThisRun: trainer.step - firstStep, seconds: seconds)
      if plan.saves, trainer.step > firstStep, !outputs.finalSaveFailed {
        outputs.log.line("Checkpoint \(plan.checkpointPath)")
      }
      if trainer.settings.isProfiled { outputs.log.profile(trainer) }
      if wasStopped {
        let how = plan.saves ? "; resume with --resume --checkpoint \(plan.checkpointPath)" : ""
        outputs.log.line(
          "Stopped by request after step \(trainer.step) of \(trainer.configuration.totalSteps)\(how)")
      } else {
        // Nothing is left to save: samples may be interrupted like any program.
        SignalRequests.ignoreWishes()
        outputs.finalSamples(trainer)
      }
    }
    let failed = try communicator.fromRoot { [outputs?.finalSaveFailed == true ? 1 : 0] }
    if failed == [1] { return ExitStatus.failure }
    return wasStopped ? ExitStatus.resumable : ExitStatus.success
  }

  /// Where training begins.
  private struct Beginning {
    let configuration: TrainingConfiguration
    let tokenizer: CharacterTokenizer
    let split: CorpusSplit
    let weights: FloatArena
  }

  private func beginning(
    _ corpus: CorpusSetup, resumed: TrainingSnapshot?, initial: TrainingSnapshot?
  ) throws -> Beginning {
    let source = resumed ?? initial
    let tokenizer = source?.tokenizer ?? corpus.scan.tokenizer
    let model = try source?.configuration ?? plan.model(vocabularySize: tokenizer.vocabularySize)
    if initial != nil { try plan.checkSizes(of: model) }
    var configuration: TrainingConfiguration?
    if let resumed, let state = resumed.training {
      configuration = try plan.configuration(resuming: resumed, state)
      guard state.data.sha256 == corpus.scan.sha256 else {
        throw InvalidInput(
          "\(corpus.path) is not the corpus that \(plan.checkpointPath) was trained on (\(state.data.dataset), "
            + "sha256 \(state.data.sha256.prefix(8))…); give that file with --data")
      }
    }
    let split = try CorpusSplit(
      file: corpus.file, scan: corpus.scan, tokenizer: tokenizer, blockSize: model.blockSize,
      validationFraction: configuration?.validationFraction ?? plan.validationFraction,
      seed: configuration?.seed ?? UInt64(plan.options.int("seed")),
      isShuffled: configuration?.isShuffled ?? !plan.options.flag("no-shuffle"))
    if let configuration {
      let batches = try BatchPlan(
        workflow: configuration.workflow, sequenceCount: split.training.count,
        globalBatchSize: configuration.globalBatchSize, seed: 0, isShuffled: false)
      try plan.checkEpochs(configuration, stepsPerEpoch: batches.stepsPerEpoch)
    }
    let final = try configuration ?? plan.configuration(model: model, sequences: split.training.count)
    let weights =
      source?.weights
      ?? ParameterTable(model).initialWeights(seed: final.seed, standardDeviation: final.initialDeviation)
    return Beginning(configuration: final, tokenizer: tokenizer, split: split, weights: weights)
  }

  private func workflow(of state: TrainingState) throws -> Workflow {
    guard let workflow = Workflow(rawValue: state.data.workflow) else {
      throw InvalidInput("\(plan.checkpointPath) has the unknown workflow '\(state.data.workflow)'")
    }
    return workflow
  }

  /// The state to go on from: the user's wish, or that of the supervisor, whose job may have died before its first
  /// checkpoint. An older run's file in the same place is none of this run.
  private func resume() throws -> TrainingSnapshot? {
    let path = plan.checkpointPath
    if plan.options.flag("resume") { return try loadForAll { try newestGood(path).snapshot } }
    guard plan.options.flag("restarted"), let run = plan.options.givenString("run-id") else { return nil }
    return try loadForAll {
      guard let found = try? newestGood(path), found.snapshot.training?.progress.run == run else {
        printError("warning: the job ended before its first checkpoint; it begins anew")
        return nil
      }
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
  private func loadForAll(_ read: () throws -> TrainingSnapshot?) throws -> TrainingSnapshot? {
    var loaded: TrainingSnapshot?
    let described = try communicator.fromRoot {
      loaded = try read()
      return loaded?.serialized() ?? []
    }
    if communicator.isRoot { return loaded }
    return try described.isEmpty ? nil : TrainingSnapshot(serialized: described)
  }

  /// What must be equal on all ranks for them to go the same way. Before anything that ranks do together.
  private func verifyAgreement(onOptions options: ParsedOptions) throws {
    guard communicator.worldSize > 1 else { return }
    var agreement = StartupAgreement()
    agreement.add("program", try ProgramIdentity.hash())
    agreement.add("options", options.arguments(without: ["threads"]).joined(separator: " "))
    agreement.add("MPI", communicator.libraryVersion)
    try agreement.verify(communicator)
  }

  /// What must be equal on all ranks for the bits to be equal.
  private func verifyAgreement(on configuration: TrainingConfiguration, _ corpus: CorpusSetup) throws {
    guard communicator.worldSize > 1 else { return }
    var agreement = StartupAgreement()
    agreement.add("corpus", corpus.scan.sha256)
    agreement.add("kernels", configuration.backend.kernelFamily)
    try agreement.verify(communicator)
  }

  /// `2 ranks on 1 host`
  private var rankSummary: String {
    let hosts = Set(communicator.peers.map(\.host)).count
    let ranks = communicator.worldSize
    return "\(ranks) rank\(ranks == 1 ? "" : "s") on \(hosts) host\(hosts == 1 ? "" : "s")"
  }
}
