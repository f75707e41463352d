// From the sequences of this rank's leaves to the gradient of the whole batch: compute, meet, reduce.

import DataParallel
import Liveness
import Foundation
import GPTModel
import Kernels
import Platform
import Reduction
import TrainingState

/// The parts of a step that ranks do together, except the update. One per rank.
final class GradientPipeline {
  let communicator: Communicator
  let configuration: TrainingConfiguration
  let computer: GradientComputer
  let profile: StepProfile
  let probe: (any TrainingProbe)?
  private let record: StepRecord
  private let exchange: GradientExchange
  /// The reduced gradient, before weighting: see `Reduced`. All ranks of a host read the same memory.
  let gradient: FloatArena

  init(
    model: PreparedModel, team: ThreadTeam, configuration: TrainingConfiguration, communicator: Communicator,
    profile: StepProfile, probe: (any TrainingProbe)?
  ) throws {
    self.communicator = communicator
    self.configuration = configuration
    self.profile = profile
    self.probe = probe
    // On one host there is nothing to gain: the sum is finished as soon as it can be read.
    let isOverlapped = communicator.layout.hosts.count > 1 && probe == nil
    exchange = try GradientExchange(
      communicator: communicator, elementCount: model.table.arenaCount, leafCount: configuration.leafCount,
      buckets: isOverlapped ? model.table.backwardBuckets(minimum: GradientExchange.smallestBucket) : nil,
      precision: configuration.reductionPrecision)
    computer = GradientComputer(
      model: model, team: team, configuration: configuration, fold: exchange.makeFold(threads: team.count))
    computer.isProfiled = profile.isEnabled
    record = StepRecord(communicator: communicator, intervals: exchange.plan.intervals)
    gradient = FloatArena(viewing: exchange.sum, count: exchange.elementCount)
  }

  var model: PreparedModel { computer.model }

  /// Targets of a batch of full sequences: a power of two for the usual sizes, so that scaling by it is
  /// exact. Shorter documents are weighted correctly after the reduction, once all ranks know the number of
  /// targets.
  private var expectedTargets: Int { configuration.globalBatchSize * configuration.model.blockSize }

  /// Computes the gradients of this rank's leaves with the current weights.
  func compute(_ shard: TokenBatch, step: Int) throws {
    try probe?.willCompute(
      step: step, rank: communicator.rank, weights: model.weights, table: model.table)
    Watchdog.enter(phase: .gradient, step: step)
    computer.prepare()
    let overlap = exchange.buckets.count > 1 ? try GradientOverlap(exchange) : nil
    try computeLeaves(shard, step: step, overlap: overlap)
    try overlap?.check()
    profile.lap(.gradient)
  }

  func computeLeaves(_ shard: TokenBatch, step: Int, overlap: GradientOverlap? = nil) throws {
    computer.compute(shard, gradientScale: 1 / Float(expectedTargets), overlap: overlap)
    if let probe {
      let nodes = computer.fold.nodeRanges.indices.map { computer.fold.node($0) }
      try probe.didCompute(
        step: step, rank: communicator.rank, losses: &computer.leafLosses, nodes: nodes, table: model.table)
    }
  }

  /// Exchanges the losses of the leaves, and what each rank was asked, with all ranks.
  /// - Parameter isRead: whether this rank has read, and computed, its leaves.
  /// - Throws: an error agreed by all ranks if a loss is not a number.
  func meet(
    step: Int, requests: SignalRequests, isBehind: Bool, isRead: Bool
  ) throws -> StepRecord.Meeting {
    let meeting = try record.meet(
      step: step, leafLosses: computer.leafLosses, leafTargets: computer.leafTargets, requests: requests,
      isBehind: isBehind, isRead: isRead,
      meanwhile: { [exchange] in exchange.isUnderWay ? try exchange.progress() : false })
    profile.lap(.waiting)
    if !meeting.isRead || meeting.rankWithBadLoss != nil {
      // Some ranks may already have sent parts of a sum that nobody will use; the others take it.
      if exchange.buckets.count > 1 { try exchange.reduce(step: step) }
    }
    if meeting.isRead, let rank = meeting.rankWithBadLoss { throw try diagnoseLoss(rank: rank, step: step) }
    return meeting
  }

  /// What is known about the reduced gradient, the same on all ranks.
  struct Reduced {
    /// Factor that turns `gradient` into the mean over the batch's targets.
    let weight: Double
    /// Of that mean.
    let norm: Double
  }

  /// Sums the gradients of all ranks' leaves into `gradient`.
  /// - Throws: an error agreed by all ranks if the sum is not finite.
  func reduce(_ shard: TokenBatch, targetCount: Int, step: Int) throws -> Reduced {
    try probe?.willReduce(step: step, rank: communicator.rank)
    try exchange.reduce(step: step)
    profile.lap(.reduction)
    let weight = Double(expectedTargets) / Double(targetCount)
    let norm = sumOfSquares(gradient.base, count: gradient.count).squareRoot() * weight
    guard norm.isFinite else { throw try diagnoseGradient(shard, step: step) }
    computer.fold.recycle()
    return Reduced(weight: weight, norm: norm)
  }

  /// One line naming a rank that is much slower than the others.
  var straggler: String? {
    func milliseconds(_ seconds: Double) -> String { String(Int((seconds * 1000).rounded())) }
    return record.straggler.map { slow in
      "\(communicator.describe(slow.rank)) is slow: \(milliseconds(slow.secondsPerStep)) ms a step, "
        + "the median rank \(milliseconds(slow.medianSeconds)) ms; all wait for it"
    }
  }
}
