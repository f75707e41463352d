// What the ranks tell each other once per step, besides gradients: leaf losses and requests. Gives names to
// the words of DataParallel's RecordExchange.

import DataParallel
import Platform
import Reduction

/// Layout of a rank's record: requests, whether it has read its sequences, then loss and targets of each of its leaves.
final class StepRecord {
  private static let headerWords = 2
  /// Beside the requests in the first word.
  private static let pauseBit: UInt64 = 1 << 63
  private let exchange: RecordExchange
  private let intervals: LeafIntervals
  private let ranks: Range<Int>
  /// Loss of every leaf, as of the last meeting.
  private var losses: [Double]

  init(communicator: Communicator, intervals: LeafIntervals) {
    self.intervals = intervals
    ranks = 0..<communicator.worldSize
    let mostLeaves = ranks.map { intervals[$0].count }.max() ?? 0
    exchange = RecordExchange(
      communicator: communicator, wordCount: Self.headerWords + 2 * mostLeaves)
    losses = [Double](repeating: 0, count: intervals.leafCount)
  }

  /// What all ranks know after meeting in a step.
  struct Meeting {
    /// Mean over all targets, in nats: the canonical tree's sum over all leaves, the same bits on all ranks.
    let loss: Double
    /// Of the whole global batch.
    let targetCount: Int
    /// The first rank whose loss is not a finite number.
    let rankWithBadLoss: Int?
    /// The ranks that were asked for a checkpoint, and whether any was asked to stop.
    let wishing: Set<Int>
    let stops: Bool
    /// Rank 0 has something to catch up with.
    let pauses: Bool
    /// Whether every rank has read its sequences. If not, the losses mean nothing.
    let isRead: Bool
  }

  /// Meets all ranks.
  ///
  /// - Parameters:
  ///   - leafLosses, leafTargets: for each of this rank's leaves.
  ///   - requests: what this rank has been asked.
  ///   - isBehind: whether its outputs are.
  ///   - isRead: whether this rank has its sequences.
  ///   - meanwhile: what else may move while ranks wait, and whether it has.
  func meet(
    step: Int, leafLosses: [Double], leafTargets: [Int], requests: SignalRequests, isBehind: Bool,
    isRead: Bool, meanwhile: () throws -> Bool = { false }
  ) throws -> Meeting {
    exchange.own[0] = requests.rawValue | (isBehind ? Self.pauseBit : 0)
    exchange.own[1] = isRead ? 1 : 0
    for leaf in leafLosses.indices {
      exchange.own[Self.headerWords + 2 * leaf] = leafLosses[leaf].bitPattern
      exchange.own[Self.headerWords + 2 * leaf + 1] = UInt64(leafTargets[leaf])
    }
    try exchange.exchange(step: step, meanwhile: meanwhile)
    var targetCount = 0
    var asked: SignalRequests = []
    var isRead = true
    for rank in ranks {
      let words = exchange[rank]
      asked.formUnion(SignalRequests(rawValue: words[0]))
      isRead = isRead && words[1] == 1
      for (own, leaf) in intervals[rank].enumerated() {
        losses[leaf] = Double(bitPattern: words[Self.headerWords + 2 * own])
        targetCount += Int(words[Self.headerWords + 2 * own + 1])
      }
    }
    return Meeting(
      loss: CanonicalTree.sum(losses) / Double(targetCount), targetCount: targetCount,
      rankWithBadLoss: losses.firstIndex { !$0.isFinite }.map { intervals.owner(of: $0) },
      wishing: asked.contains(.checkpoint) ? ranksAsked(for: .checkpoint) : [], stops: asked.contains(.stop),
      pauses: asked.rawValue & Self.pauseBit != 0, isRead: isRead)
  }

  private func ranksAsked(for request: SignalRequests) -> Set<Int> {
    Set(ranks.filter { SignalRequests(rawValue: exchange[$0][0]).contains(request) })
  }

  var straggler: (rank: Int, secondsPerStep: Double, medianSeconds: Double)? { exchange.straggler() }
}
