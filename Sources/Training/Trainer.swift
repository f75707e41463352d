// The training loop of one rank: read, compute, agree, reduce, update. The same code on every rank;
// what only rank 0 does goes through `TrainingOutputs`.

import DataParallel
import Diagnostics
import Foundation
import GPTModel
import Kernels
import Synchronization

/// One rank of a data-parallel training.
public final class Trainer {
  public let configuration: TrainingConfiguration
  public let settings: RunSettings
  public let tokenizer: CharacterTokenizer
  public let model: PreparedModel
  let communicator: Communicator
  let split: CorpusSplit
  let corpus: CorpusIdentity
  let computer: GradientComputer
  let record: StepRecord
  let optimizer: AdamOptimizer
  let exchange: GradientExchange
  let gradient: FloatArena
  let team: ThreadTeam
  var plan: BatchPlan
  var progress = TrainingState.Progress()
  var profile: StepProfile
  /// What outside asks for (signals, tests), read once a step.
  public var pendingRequests: () -> SignalRequests = { [] }
  /// Hidden test interface: called at marked points of a step, may throw, stall or poison.
  public var faults: FaultPlan?
  /// Held while weights, moments, progress and metrics change: whoever has it sees the last finished step.
  public let stateLock = NSLock()
  private let duration = Atomic<Int>(0)
  /// How long the last step took; any thread may ask.
  public var lastStepSeconds: Double { Double(duration.load(ordering: .relaxed)) * 1e-6 }
  private var wishes = CheckpointWishes()
  /// The last step whose weights were compared.
  var comparedStep = 0
  /// Taken from `pendingRequests` and not yet in a record.
  var asked: SignalRequests = []
  /// When `run` began; nil before.
  private var runStart: ContinuousClock.Instant?
  /// Seconds of earlier runs of the same training.
  private let earlierSeconds: Double

  /// - Parameters:
  ///   - weights: where to begin; the trainer goes on in this memory. The same on all ranks.
  ///   - state: of the checkpoint to resume from; nil begins at step 1.
  /// - Throws: `InvalidInput` if the corpus does not fill a batch.
  public init(
    configuration: TrainingConfiguration, settings: RunSettings, tokenizer: CharacterTokenizer,
    split: CorpusSplit, corpus: CorpusIdentity, weights: FloatArena, resuming state: TrainingState? = nil,
    communicator: Communicator
  ) throws {
    self.configuration = configuration
    self.settings = settings
    self.tokenizer = tokenizer
    self.split = split
    self.corpus = corpus
    self.communicator = communicator
    plan = try BatchPlan(
      workflow: configuration.workflow, sequenceCount: split.training.count,
      globalBatchSize: configuration.globalBatchSize, seed: configuration.seed,
      isShuffled: configuration.isShuffled)
    team = ThreadTeam(count: settings.threads)
    model = PreparedModel(
      configuration: configuration.model, weights: weights, backend: configuration.backend, isTraining: true)
    let intervals = LeafIntervals(leafCount: configuration.leafCount, worldSize: communicator.worldSize)
    computer = GradientComputer(
      model: model, team: team, configuration: configuration, interval: intervals[communicator.rank])
    record = StepRecord(communicator: communicator, intervals: intervals)
    optimizer = AdamOptimizer(weights: weights, configuration: configuration, resuming: state?.optimizer)
    exchange = GradientExchange(communicator: communicator, elementCount: model.table.arenaCount)
    gradient = FloatArena(count: model.table.arenaCount)
    profile = StepProfile(isEnabled: settings.isProfiled)
    earlierSeconds = state?.progress.wallSeconds ?? 0
    if let state { progress = state.progress }
    progress.totalSteps = configuration.totalSteps
    computer.isProfiled = settings.isProfiled
  }

  /// Steps done so far.
  public var step: Int { progress.step }
  /// The step after which this run ends.
  public var lastStep: Int { min(settings.lastStep ?? .max, configuration.totalSteps) }
  /// Since the beginning of the training, earlier runs included.
  var seconds: Double { earlierSeconds + (runStart.map { (ContinuousClock.now - $0) / .seconds(1) } ?? 0) }

  /// Trains to the last step, or until all ranks have agreed to stop.
  ///
  /// - Parameter outputs: on rank 0, nil elsewhere.
  /// - Returns: whether a request, not the last step, ended the run.
  /// - Throws: `RuntimeFailure` naming step, rank and cause; nothing has been updated or saved by then.
  public func run(_ outputs: TrainingOutputs?) throws -> Bool {
    runStart = .now
    // A state that was saved in the middle of its validation gets it now.
    if step > 0, step < lastStep, isValidationDue(after: step) {
      let loss = try validate().loss
      outputs?.validated(loss, self)
    }
    while progress.step < lastStep {
      let step = progress.step + 1
      let start = ContinuousClock.now
      try advance(to: step, outputs)
      duration.store(Int((ContinuousClock.now - start) / .microseconds(1)), ordering: .relaxed)
      let isLast = step == lastStep
      var stops = !record.ranks(asked: .stop).isEmpty
      var isBest = false
      if isValidationDue(after: step) {
        let validation = try validate()
        outputs?.validated(validation.loss, self)
        if validation.stops { stops = true }
        isBest = validation.isBest
      }
      let wishing = record.ranks(asked: .checkpoint)
      // The best state is saved when it is found; later it would not be there any more.
      let isPlanned =
        stops || isLast || isDue(settings.checkpointInterval, step)
        || isBest && settings.checkpointInterval > 0
      // A replica that has gone astray spoils the sum for all: nothing is saved that was not compared.
      if (isPlanned || !wishing.isEmpty), comparedStep < step { _ = try compareReplicas(step: step) }
      if wishes.isDue(for: wishing, step: step, seconds: seconds) || isPlanned {
        Watchdog.enter(phase: .checkpoint, step: step)
        try outputs?.save(self, isFinal: stops || isLast)
        profile.lap(.checkpoint)
      }
      if isDue(settings.sampleInterval, step), !isLast {
        Watchdog.enter(phase: .sampling, step: step)
        outputs?.sample(self)
        profile.lap(.other)
      }
      if stops { return !isLast }
    }
    return false
  }

  /// One step: this rank's leaves, the agreement, the reduction, the update.
  private func advance(to step: Int, _ outputs: TrainingOutputs?) throws {
    markProfile()
    profile.start()
    Watchdog.enter(phase: .data, step: step)
    let batches = try readLeaves(ofStep: step)
    try faults?.reach(.gradient, step: step, rank: communicator.rank)
    Watchdog.enter(phase: .gradient, step: step)
    profile.lap(.data)
    faults?.poison(optimizer.weights, model.table, step: step, rank: communicator.rank)
    computer.prepare()
    // A power of two for the usual sizes, so that scaling is exact; documents that are shorter than T are
    // weighed right after the reduction, when all ranks know how many targets there were.
    let expectedTargets = configuration.globalBatchSize * configuration.model.blockSize
    computer.compute(batches, gradientScale: 1 / Float(expectedTargets))
    try faults?.poison(computer, step: step, rank: communicator.rank)
    profile.lap(.gradient)

    for leaf in batches.indices {
      record.set(loss: computer.leafLosses[leaf], targets: computer.leafTargets[leaf], ofOwnLeaf: leaf)
    }
    record.setRequests(asked.union(pendingRequests()))
    asked = []
    try record.exchange(step: step)
    profile.lap(.waiting)
    if let rank = record.rankWithBadLoss { throw try diagnoseLoss(rank: rank, step: step) }

    try faults?.reach(.exchange, step: step, rank: communicator.rank)
    try exchange.reduce(computer.fold, into: gradient.base, step: step)
    profile.lap(.reduction)
    let targets = record.targetCount
    let weight = Double(expectedTargets) / Double(targets)
    let norm = sumOfSquares(gradient.base, count: gradient.count).squareRoot() * weight
    guard norm.isFinite else { throw try diagnoseGradient(batches, step: step) }
    computer.fold.recycle()

    stateLock.lock()
    defer { stateLock.unlock() }
    Watchdog.enter(phase: .optimizer, step: step)
    let clip = configuration.gradientClip
    let clipping = clip > 0 && norm > clip ? clip / norm : 1
    let learningRate = configuration.schedule.learningRate(atStep: step)
    optimizer.update(
      gradient: gradient, learningRate: learningRate, gradientScale: weight * clipping, team: team)
    faults?.diverge(optimizer.weights, step: step, rank: communicator.rank)
    profile.lap(.optimizer)

    let loss = record.meanLoss
    progress.step = step
    progress.lastLoss = loss
    progress.lossHistory.append(Float(loss))
    var metrics = StepMetrics(
      step: step, epoch: plan.position(ofStep: step).epoch, loss: loss, learningRate: learningRate,
      seconds: seconds, tokens: targets)
    if clip > 0 { metrics.gradientNorm = norm }
    if isDue(settings.hashInterval, step) || step == lastStep {
      metrics.weightsHash = try compareReplicas(step: step)
      profile.lap(.other)
    }
    profile.steps += 1
    if profile.isEnabled { metrics.profile = splitOfStep() }
    outputs?.finished(metrics, self)
  }

  private func isValidationDue(after step: Int) -> Bool {
    guard split.validation != nil else { return false }
    // Epochs of documents may differ by a step in length.
    let position = plan.position(ofStep: step)
    return plan.position(ofStep: step + 1).epoch > position.epoch || step == configuration.totalSteps
  }

  private func isDue(_ interval: Int, _ step: Int) -> Bool { interval > 0 && step % interval == 0 }

  /// The sequences of this rank's leaves, and of no other's.
  private func readLeaves(ofStep step: Int) throws -> [[[Int32]]] {
    let indices = plan.indices(ofStep: step)
    return try computer.interval.indices.map { leaf in
      try computer.positions(ofOwnLeaf: leaf - computer.interval.lowerBound).map { position in
        var tokens: [Int32] = []
        try split.training.tokens(of: indices[position], into: &tokens)
        return tokens
      }
    }
  }
}
