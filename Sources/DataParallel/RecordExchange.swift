// The small record that every rank sends every other once per step: leaf losses, flags, hashes. It is also
// the step's meeting point, so this is where waiting is measured and a late or hung rank is named.

import COpenMPI
import Liveness
import Platform

/// All-to-all of fixed-size records of 64-bit words. Records are equal on all ranks after `exchange`.
///
/// Two words of each record are this type's own: the step, which must agree, and the seconds since the last
/// exchange that the rank spent outside it, which distinguish a slow rank from a fast one that waited.
public final class RecordExchange {
  private static let headerWords = 2
  private let communicator: Communicator
  public let wordCount: Int
  private let stride: Int
  private let words: UnsafeMutablePointer<UInt64>
  private let pending: PendingRequests
  private var lastEnd = monotonicSeconds()

  /// By rank: seconds it was busy between exchanges, by its own clock; equal on all ranks.
  public private(set) var busySeconds: [Double]
  public private(set) var exchangeCount = 0

  /// - Parameter wordCount: 64-bit words of each record that belong to the caller.
  public init(communicator: Communicator, wordCount: Int) {
    self.communicator = communicator
    self.wordCount = wordCount
    stride = wordCount + Self.headerWords
    words = .allocate(capacity: stride * communicator.worldSize)
    words.initialize(repeating: 0, count: stride * communicator.worldSize)
    pending = PendingRequests(communicator, capacity: 2 * communicator.worldSize)
    busySeconds = Array(repeating: 0, count: communicator.worldSize)
  }

  deinit { words.deallocate() }

  /// This rank's record, to be filled before `exchange`; its words persist from step to step.
  public var own: UnsafeMutableBufferPointer<UInt64> {
    UnsafeMutableBufferPointer(
      start: words + communicator.rank * stride + Self.headerWords, count: wordCount)
  }

  /// The record of `rank` as of the last `exchange`.
  public subscript(rank: Int) -> UnsafeBufferPointer<UInt64> {
    precondition(0 <= rank && rank < communicator.worldSize)
    return UnsafeBufferPointer(start: words + rank * stride + Self.headerWords, count: wordCount)
  }

  /// One word of every rank, in rank order.
  public func column(_ index: Int) -> [UInt64] {
    (0..<communicator.worldSize).map { self[$0][index] }
  }

  /// Sends `own` to all ranks and receives theirs.
  ///
  /// - Parameter meanwhile: what else may move while this waits, and whether it has.
  /// - Throws: `LostPeer` naming the ranks that stay silent, `RuntimeFailure` those that are at another step.
  public func exchange(step: Int, meanwhile: () throws -> Bool = { false }) throws {
    let start = monotonicSeconds()
    let rank = communicator.rank
    let mine = words + rank * stride
    mine[0] = UInt64(bitPattern: Int64(step))
    mine[1] = (start - lastEnd).bitPattern
    if communicator.worldSize > 1 {
      Heartbeat.enter(.records, step: step)
      pending.removeAll()
      for peer in 0..<communicator.worldSize where peer != rank {
        try pending.receive(
          words + peer * stride, count: stride, type: mpi_uint64(), from: peer, .record)
      }
      for peer in 0..<communicator.worldSize where peer != rank {
        try pending.send(mine, count: stride, type: mpi_uint64(), to: peer, .record)
      }
      try pending.wait(meanwhile: meanwhile)
      try checkSteps(step)
    }
    for peer in 0..<communicator.worldSize {
      busySeconds[peer] += Double(bitPattern: words[peer * stride + 1])
    }
    exchangeCount += 1
    let end = monotonicSeconds()
    communicator.longestStep = max(communicator.longestStep, end - lastEnd)
    lastEnd = end
  }

  /// The slowest rank so far, if it was busy more than `factor` times as long as the median rank, and a millisecond a step
  /// longer. The same on all ranks.
  public func straggler(factor: Double = 1.5) -> (rank: Int, secondsPerStep: Double, medianSeconds: Double)? {
    guard exchangeCount > 0, communicator.worldSize > 1 else { return nil }
    let sorted = busySeconds.sorted()
    let median = sorted[(sorted.count - 1) / 2]
    let slowest = busySeconds.indices.max { busySeconds[$0] < busySeconds[$1] }!
    let steps = Double(exchangeCount)
    // Of steps that take less than a millisecond, what is slow is the meeting.
    guard busySeconds[slowest] > factor * median, busySeconds[slowest] - median > 0.001 * steps else {
      return nil
    }
    return (slowest, busySeconds[slowest] / steps, median / steps)
  }

  private func checkSteps(_ step: Int) throws {
    let astray = (0..<communicator.worldSize).filter { words[$0 * stride] != UInt64(step) }
    guard !astray.isEmpty else { return }
    let names = astray.map { "\(communicator.describe($0)) at step \(words[$0 * stride])" }
    throw RuntimeFailure("ranks are out of step: step \(step) here, " + names.joined(separator: ", "))
  }
}
