// The training loop of one rank: read my shard, compute, meet, reduce, update, report. The same code on every
// rank; what only rank 0 does goes through `TrainingOutputs`.

import Corpora
import DataParallel
import GPTModel
import Liveness
import Kernels
import Platform
import Reproducibility
import TrainingState

/// One rank of a data-parallel training.
public final class Trainer {
  let configuration: TrainingConfiguration
  let settings: RunSettings
  let corpus: TrainingCorpus
  let pipeline: GradientPipeline
  /// What changes during training, and what is saved.
  public let live: LiveState
  private let optimizer: any Optimizer
  /// What validations read; nil if nothing is held out.
  let validationSource: (any SequenceSource)?
  var batches: BatchSampler
  /// The sequences that this rank works on; one buffer for all steps.
  var tokens = TokenBatch()
  var inbox = RequestInbox()
  private var wishes = CheckpointWishes()

  /// - Parameters:
  ///   - weights: initial weights, the same on all ranks; trained in place.
  ///   - initialCheckpoint: the file that the weights of a new training come from, if any.
  ///   - state: from the checkpoint to resume; nil begins at step 1.
  ///   - requests: from outside (signals, tests), each handed out once; asked once per step.
  ///   - probe: nil except in tests.
  /// - Throws: `InvalidInput` if the corpus does not fill a batch, or no checkpoint could hold the state.
  public init(
    configuration: TrainingConfiguration, settings: RunSettings, corpus: TrainingCorpus, weights: FloatArena,
    initialCheckpoint: String? = nil, resuming state: TrainingState? = nil, communicator: Communicator,
    requests: @escaping () -> SignalRequests = { [] }, probe: (any TrainingProbe)? = nil
  ) throws {
    guard let optimizer = Optimizers.named(configuration.optimizer) else {
      preconditionFailure("options and files are checked for the names of optimizers")
    }
    self.configuration = configuration
    self.settings = settings
    self.corpus = corpus
    inbox.source = requests
    self.optimizer = optimizer.init(configuration)
    batches = try BatchSampler(configuration, sequenceCount: corpus.split.training.count)
    validationSource = corpus.split.validation.map { whole in
      let count = configuration.validatedCount(of: whole.count)
      return count < whole.count ? SpreadSource(count, of: whole) : whole
    }
    let model = PreparedModel(
      configuration: configuration.model, weights: weights, backend: configuration.backend, isTraining: true)
    pipeline = try GradientPipeline(
      model: model, team: ThreadTeam(count: settings.threads), configuration: configuration,
      communicator: communicator, profile: StepProfile(isEnabled: settings.isProfiled), probe: probe)
    let moments = state?.moments ?? optimizer.momentKeys.map { _ in FloatArena(count: weights.count) }
    var training = TrainingState(configuration: configuration, moments: moments)
    training.kernelFamily = configuration.backend.kernelFamily
    training.corpus = corpus.identity
    training.initialCheckpoint = state?.initialCheckpoint ?? initialCheckpoint ?? ""
    if let state {
      training.progress = state.progress
      // Another round, which was asked for after the end of the last one, has patience of its own.
      if configuration.totalSteps > state.configuration.totalSteps {
        training.progress.validationsSinceBest = 0
      }
    }
    training.progress.run = settings.runIdentifier
    try training.validate()
    live = LiveState(
      TrainingSnapshot(
        configuration: configuration.model, tokenizer: corpus.tokenizer, weights: weights,
        training: training),
      moments: moments)
  }

  public var model: PreparedModel { pipeline.model }
  var communicator: Communicator { pipeline.communicator }
  var profile: StepProfile { pipeline.profile }
  /// Steps done so far.
  public var step: Int { live.step }
  private var isOutOfPatience: Bool { live.state?.isOutOfPatience == true }
  private var lastStep: Int { min(settings.lastStep ?? .max, configuration.totalSteps) }

  /// What to report before the first step.
  public var facts: TrainingFacts {
    TrainingFacts(
      configuration: configuration, kernelFamily: configuration.backend.kernelFamily,
      worldSize: communicator.worldSize, threads: settings.threads, sequenceCount: batches.sequenceCount,
      heldOutCount: corpus.split.validation?.count, validatedCount: validationSource?.count,
      stepsPerEpoch: batches.stepsPerEpoch,
      leftoverCount: batches.leftoverCount, firstStep: step, lastStep: lastStep,
      earlierSeconds: live.progress.wallSeconds)
  }

  /// Trains to the last step, or until all ranks have agreed to stop.
  ///
  /// - Parameter outputs: on rank 0, nil elsewhere.
  /// - Throws: `RuntimeFailure` naming step, rank and cause; that step has then saved nothing.
  public func run(_ outputs: TrainingOutputs?) throws -> TrainingResult {
    let begin = monotonicSeconds()
    let firstStep = step
    // As if earlier runs had ended just before this one began.
    let zero = begin - live.progress.wallSeconds
    var isStopped = false
    // Equal on all ranks, like the losses that it follows from.
    var hasPatience = !isOutOfPatience
    // A state that was saved before its validation finished gets it now.
    if step > 0, step < lastStep, hasPatience, try validateIfDue(outputs)?.isBest == true {
      try saveIfDue([], isBest: true, isStopped: false, outputs)
    }
    hasPatience = !isOutOfPatience
    while step < lastStep, !isStopped, hasPatience {
      let start = monotonicSeconds()
      let meeting = try advance(to: step + 1, zero: zero, outputs)
      live.setStepSeconds(monotonicSeconds() - start)
      let validation = try validateIfDue(outputs)
      isStopped = meeting.stops || validation?.stops == true
      if validation != nil { hasPatience = !isOutOfPatience }
      try saveIfDue(
        meeting.wishing, isBest: validation?.isBest == true, isStopped: isStopped || !hasPatience, outputs)
      if meeting.pauses {
        try communicator.rootWork(wait(for: outputs, isStopped: isStopped)) { outputs?.catchUp() }
      }
      if isDue(settings.sampleInterval, step), step < lastStep, hasPatience, let outputs {
        Watchdog.enter(phase: .sampling, step: step)
        model.prepareAll()
        outputs.sample(model, step: step)
        profile.lap(.other)
      }
    }
    return TrainingResult(
      wasStopped: isStopped && step < lastStep && hasPatience,
      endedEarly: step < configuration.totalSteps && !hasPatience, steps: step - firstStep,
      seconds: monotonicSeconds() - begin,
      progress: live.progress, weightsHash: model.table.weightsHash(of: model.weights),
      profile: profile.report)
  }

  /// One step.
  private func advance(to step: Int, zero: Double, _ outputs: TrainingOutputs?) throws -> StepRecord.Meeting {
    profile.start()
    let reading = read { try readShard(ofStep: step) }
    profile.lap(.data)
    let isRead = (try? reading.get()) != nil
    if isRead { try pipeline.compute(tokens, step: step) }
    let meeting = try pipeline.meet(
      step: step, requests: inbox.take(), isBehind: outputs?.isBehind == true, isRead: isRead)
    if !meeting.isRead { try end(because: reading, outputs) }
    let gradient = try pipeline.reduce(tokens, targetCount: meeting.targetCount, step: step)
    update(gradient, loss: meeting.loss, step: step, zero: zero)
    try report(meeting, gradient, step: step, zero: zero, outputs)
    return meeting
  }

  /// The sequences of this rank's leaves, and of no other's.
  private func readShard(ofStep step: Int) throws {
    Watchdog.enter(phase: .data, step: step)
    let indices = batches.indices(ofStep: step)
    tokens.removeAll()
    for leaf in pipeline.computer.interval.indices {
      let own = leaf - pipeline.computer.interval.lowerBound
      try tokens.appendLeaf(indices[pipeline.computer.positions(ofOwnLeaf: own)], of: corpus.split.training)
    }
  }

  /// Reads sequences: all of them of the text that was scanned, or it fails.
  func read(_ body: () throws -> Void) -> Result<Void, any Error> {
    let result = Result(catching: body)
    return Result {
      // What the system says of the file explains more than what was found in it.
      try corpus.split.checkUnchanged()
      try result.get()
    }
  }

  /// Ends the training on all ranks, one of which cannot read the corpus or finds another text. What is done so far
  /// was done with the right one, and is saved.
  func end(because reading: Result<Void, any Error>, _ outputs: TrainingOutputs?) throws {
    if step > 0 { try saveIfDue([], isBest: false, isStopped: true, outputs) }
    try communicator.together {
      do {
        try reading.get()
      } catch {
        throw RuntimeFailure(
          "after step \(step): \(error); what is saved was trained on the text as it was, with which --resume goes on"
        )
      }
    }
  }

  /// The only place where weights, moments and progress change; other threads see them before or after, never
  /// in between.
  private func update(_ gradient: GradientPipeline.Reduced, loss: Double, step: Int, zero: Double) {
    Watchdog.enter(phase: .optimizer, step: step)
    let clip = configuration.gradientClip
    let clipping = clip > 0 && gradient.norm > clip ? clip / gradient.norm : 1
    let position = batches.position(ofStep: step)
    live.change { progress in
      optimizer.update(
        live.weights, moments: live.moments, gradient: pipeline.gradient, step: step,
        learningRate: configuration.schedule.learningRate(atStep: step),
        gradientScale: gradient.weight * clipping, team: pipeline.computer.team)
      pipeline.probe?.didUpdate(step: step, rank: communicator.rank, weights: live.weights)
      progress.step = step
      progress.epoch = position.epoch
      progress.stepInEpoch = position.stepInEpoch
      progress.record(loss: loss)
      progress.wallSeconds = monotonicSeconds() - zero
      progress.isCompared = false
    }
    profile.lap(.optimizer)
  }

  private func report(
    _ meeting: StepRecord.Meeting, _ gradient: GradientPipeline.Reduced, step: Int, zero: Double,
    _ outputs: TrainingOutputs?
  ) throws {
    let isHashed = isDue(settings.hashInterval, step) || step == lastStep
    let digest = isHashed ? model.table.weightsDigest(of: model.weights) : nil
    profile.lap(.other)
    let split = profile.finishStep(kinds: pipeline.computer.profiledSeconds)
    // First the line, then the comparison: whoever saves this step while a rank keeps the others waiting finds
    // it in the metrics. If the ranks differ, nothing is saved and a resumed training drops the line.
    if let outputs { finish(outputs, meeting, gradient, step: step, zero: zero, digest: digest, split) }
    guard let digest else { return }
    try compareReplicas(digest, step: step)
    profile.lap(.other)
  }

  /// Tells rank 0's side about a step.
  private func finish(
    _ outputs: TrainingOutputs, _ meeting: StepRecord.Meeting, _ gradient: GradientPipeline.Reduced,
    step: Int, zero: Double, digest: UInt64?, _ split: [(phase: String, seconds: Double)]?
  ) {
    var metrics = StepMetrics(
      step: step, epoch: batches.position(ofStep: step).epoch, loss: meeting.loss,
      learningRate: configuration.schedule.learningRate(atStep: step), seconds: monotonicSeconds() - zero,
      tokens: meeting.targetCount)
    if configuration.gradientClip > 0 { metrics.gradientNorm = gradient.norm }
    metrics.weightsHash = digest.map(XXHash64.hexadecimal)
    metrics.profile = split
    if step >= 20, isDue(settings.stragglerInterval, step) { metrics.straggler = pipeline.straggler }
    outputs.finished(metrics)
  }

  /// Compares the weights' hash across ranks.
  ///
  /// - Throws: `RuntimeFailure` naming the ranks that differ from the majority.
  private func compareReplicas(_ digest: UInt64, step: Int) throws {
    try pipeline.probe?.willCompare(step: step, rank: communicator.rank)
    let garbled = RuntimeFailure("the hash of a rank arrived damaged")
    var writer = ByteWriter()
    writer.append(digest)
    let digests = try communicator.allgather(writer.bytes).map { bytes -> UInt64 in
      var reader = ByteReader(bytes, garbled: garbled)
      return try reader.number()
    }
    try ReplicaCheck.verify(hashes: digests, of: "the weights", step: step, communicator: communicator)
    live.change { $0.isCompared = true }
  }

  /// Every so many steps, or after each epoch; and after the last step.
  private func validateIfDue(_ outputs: TrainingOutputs?) throws -> ValidationMetrics? {
    guard let source = validationSource else { return nil }
    let interval = configuration.validationInterval
    // Epochs of documents may differ in length by one step.
    let isEpochEnd = batches.position(ofStep: step + 1).epoch > batches.position(ofStep: step).epoch
    let isRegular = interval > 0 ? isDue(interval, step) : isEpochEnd
    guard isRegular || step == configuration.totalSteps else { return nil }
    let validation = try validate(on: source, outputs)
    outputs?.validated(validation)
    return validation
  }

  private func saveIfDue(
    _ wishing: Set<Int>, isBest: Bool, isStopped: Bool, _ outputs: TrainingOutputs?
  ) throws {
    let isFinal = isStopped || step == lastStep
    // The best state is saved when it is found; later it is gone.
    let isPlanned =
      isFinal || isDue(settings.checkpointInterval, step)
      || isBest && (settings.checkpointInterval > 0 || configuration.patience > 0)
    guard isPlanned || !wishing.isEmpty else { return }
    // A diverged replica spoils the sum for all: nothing is saved here without a comparison.
    if !live.progress.isCompared {
      try compareReplicas(model.table.weightsDigest(of: model.weights), step: step)
    }
    let isWished = wishes.isDue(for: wishing, step: step, seconds: live.progress.wallSeconds)
    Watchdog.enter(phase: .checkpoint, step: step)
    let snapshot = live.snapshot
    // All ranks come here, but only rank 0 knows whether a wish is new.
    try communicator.rootWork(wait(for: outputs, isStopped: isStopped)) {
      if isWished || isPlanned { try outputs?.save(snapshot, isBest: isBest, isFinal: isFinal) }
    }
    profile.lap(.checkpoint)
  }

  private func wait(for outputs: TrainingOutputs?, isStopped: Bool) -> RootWait {
    RootWait(
      for: outputs?.waitedFor ?? "",
      isAskedToStop: { [self] in isStopped || inbox.look().contains(.stop) })
  }

  private func isDue(_ interval: Int, _ step: Int) -> Bool { interval > 0 && step % interval == 0 }
}
