// The local part of a step: this rank's leaves, computed by its threads and folded along the canonical tree.

import DataParallel
import GPTModel
import Liveness
import Kernels
import Platform
import Reduction
import TrainingState

/// Computes losses and gradients of the leaves of one rank.
final class GradientComputer {
  let model: PreparedModel
  let team: ThreadTeam
  let fold: LeafFold
  let interval: Range<Int>
  /// Loss (sum over targets) and number of targets of each of its own leaves in the last step.
  var leafLosses: [Double]
  private(set) var leafTargets: [Int]
  private let microbatchSize: Int
  private let globalBatchSize: Int
  /// One per thread.
  private let workspaces: Workspaces

  /// Each is used by one thread at a time.
  private struct Workspaces: @unchecked Sendable {
    let all: [SequenceWorkspace]
  }

  /// - Parameter fold: of this rank's leaves.
  init(model: PreparedModel, team: ThreadTeam, configuration: TrainingConfiguration, fold: LeafFold) {
    self.model = model
    self.team = team
    self.fold = fold
    interval = fold.interval
    microbatchSize = configuration.microbatchSize
    globalBatchSize = configuration.globalBatchSize
    leafLosses = [Double](repeating: 0, count: interval.count)
    leafTargets = [Int](repeating: 0, count: interval.count)
    // A rank without leaves still validates, so it needs one too.
    workspaces = Workspaces(all: (0..<team.count).map { _ in SequenceWorkspace(configuration.model) })
  }

  var isProfiled: Bool {
    get { workspaces.all[0].profile.isEnabled }
    set { for workspace in workspaces.all { workspace.profile.isEnabled = newValue } }
  }

  /// Seconds spent on one kind of work, averaged over the threads.
  func profiledSeconds(_ kind: ModelProfile.Kind) -> Double {
    workspaces.all.reduce(0) { $0 + $1.profile[kind] } / Double(team.count)
  }

  /// The sequences of own leaf `leaf` (0 = first of the interval), as positions in the global batch.
  func positions(ofOwnLeaf leaf: Int) -> Range<Int> {
    let first = (interval.lowerBound + leaf) * microbatchSize
    return first..<min(first + microbatchSize, globalBatchSize)
  }

  /// Packs the current weights.
  func prepare() {
    let model = model
    team.run(model.preparationCount) { index, _ in model.prepare(index) }
  }

  /// Gradients of all own leaves, into `fold`.
  ///
  /// - Parameters:
  ///   - batch: the sequences of each own leaf.
  ///   - gradientScale: the same for all leaves of all ranks.
  ///   - overlap: hears of the parts that are finished while others are still being computed.
  func compute(_ batch: TokenBatch, gradientScale: Float, overlap: GradientOverlap? = nil) {
    precondition(batch.leafCount == interval.count)
    let (model, fold, workspaces, interval) = (model, fold, workspaces, interval)
    leafLosses = perLeaf(batch) { own, thread in
      let leaf = interval.lowerBound + own
      let buffer = fold.takeBuffer(for: leaf)
      var bucket = 0
      let loss = model.leafLossAndGradient(
        batch[own], gradientScale: gradientScale, into: buffer, workspaces.all[thread]
      ) { firstFinished in
        while bucket < fold.buckets.count, fold.buckets[bucket].lowerBound >= firstFinished {
          if fold.complete(bucket, ofLeaf: leaf, buffer: buffer) { overlap?.finished(bucket) }
          bucket += 1
        }
        overlap?.progress()
      }
      Watchdog.beat()
      return loss
    }
    for leaf in leafTargets.indices { leafTargets[leaf] = batch.targetCount(ofLeaf: leaf) }
  }

  /// Losses (sums over targets) of any leaves, without gradients.
  func losses(_ batch: TokenBatch) -> [Double] {
    let (model, workspaces) = (model, workspaces)
    return perLeaf(batch) { leaf, thread in model.leafLoss(batch[leaf], workspaces.all[thread]) }
  }

  private func perLeaf(
    _ batch: TokenBatch, _ body: @Sendable (_ leaf: Int, _ thread: Int) -> Double
  ) -> [Double] {
    [Double](unsafeUninitializedCapacity: batch.leafCount) { results, count in
      let slots = Slots(base: results.baseAddress)
      team.run(batch.leafCount) { leaf, thread in slots.base?[leaf] = body(leaf, thread) }
      count = batch.leafCount
    }
  }

  /// Disjoint elements of one buffer, written by several threads.
  private struct Slots: @unchecked Sendable {
    let base: UnsafeMutablePointer<Double>?
  }
}
