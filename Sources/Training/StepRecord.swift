// What the ranks tell each other once a step, beside gradients: losses of leaves and requests.
// The words of DataParallel's RecordExchange, given names.

import DataParallel

/// Layout of a rank's record: requests, then loss and targets of each of its leaves.
struct StepRecord {

  private static let headerWords = 1
  private let exchange: RecordExchange
  private let intervals: LeafIntervals
  private let communicator: Communicator

  init(communicator: Communicator, intervals: LeafIntervals) {
    self.communicator = communicator
    self.intervals = intervals
    let mostLeaves = (0..<communicator.worldSize).map { intervals[$0].count }.max() ?? 0
    exchange = RecordExchange(
      communicator: communicator, wordCount: Self.headerWords + 2 * mostLeaves)
  }

  func setRequests(_ requests: SignalRequests) { exchange.own[0] = requests.rawValue }

  /// - Parameter leaf: index within this rank's interval.
  func set(loss: Double, targets: Int, ofOwnLeaf leaf: Int) {
    exchange.own[Self.headerWords + 2 * leaf] = loss.bitPattern
    exchange.own[Self.headerWords + 2 * leaf + 1] = UInt64(targets)
  }

  /// Meets all ranks.
  func exchange(step: Int) throws { try exchange.exchange(step: step) }

  /// The ranks that have been asked for this.
  func ranks(asked request: SignalRequests) -> Set<Int> {
    Set(exchange.column(0).indices.filter { SignalRequests(rawValue: exchange[$0][0]).contains(request) })
  }

  /// Mean loss over all targets, in nats: the canonical tree over all leaves' sums, the same bits on all ranks.
  var meanLoss: Double { CanonicalTree.sum(leafLosses) / Double(targetCount) }

  var leafLosses: [Double] { leafWords(0).map { Double(bitPattern: $0) } }

  /// Targets of the whole global batch.
  var targetCount: Int { leafWords(1).reduce(0) { $0 + Int($1) } }

  /// The first rank whose loss is not a finite number.
  var rankWithBadLoss: Int? {
    leafLosses.firstIndex { !$0.isFinite }.map { intervals.owner(of: $0) }
  }

  var straggler: (rank: Int, secondsPerStep: Double, medianSeconds: Double)? { exchange.straggler() }

  private func leafWords(_ word: Int) -> [UInt64] {
    (0..<communicator.worldSize).flatMap { rank in
      intervals[rank].indices.map {
        exchange[rank][Self.headerWords + 2 * ($0 - intervals[rank].lowerBound) + word]
      }
    }
  }
}
