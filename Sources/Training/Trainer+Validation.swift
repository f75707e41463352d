// The loss on the held-out part, divided among the ranks like a batch.

import DataParallel
import Foundation
import GPTModel

extension Trainer {
  /// What a validation found, equal on all ranks.
  struct Validation {
    /// Mean over all validation targets, in nats: the same bits for any number of ranks.
    var loss = Double.nan
    /// Lower than ever before in this training.
    var isBest = false
    /// A rank was asked to stop meanwhile.
    var stops = false
  }

  func validate() throws -> Validation {
    guard let source = split.validation else { return Validation() }
    Watchdog.enter(phase: .validation, step: step)
    try faults?.reach(.validation, step: step, rank: communicator.rank)
    computer.prepare()
    // The split of the profile is that of the steps.
    computer.isProfiled = false
    defer { computer.isProfiled = settings.isProfiled }
    let microbatch = configuration.microbatchSize
    let leafCount = (source.count + microbatch - 1) / microbatch
    let interval = LeafIntervals(leafCount: leafCount, worldSize: communicator.worldSize)[communicator.rank]
    var losses: [Double] = []
    var targets = 0
    // In rounds, so that memory does not grow with the corpus.
    let round = 8 * team.count
    for first in stride(from: interval.lowerBound, to: interval.upperBound, by: round) {
      Watchdog.beat()
      let leaves = try (first..<min(first + round, interval.upperBound)).map { leaf in
        try (leaf * microbatch..<min((leaf + 1) * microbatch, source.count)).map { index in
          var tokens: [Int32] = []
          try source.tokens(of: index, into: &tokens)
          return tokens
        }
      }
      losses += computer.losses(leaves)
      targets += leaves.reduce(0) { $0 + $1.reduce(0) { $0 + $1.count - 1 } }
    }
    asked.formUnion(pendingRequests())
    let words = [asked.contains(.stop) ? 1 : 0, UInt64(targets)] + losses.map(\.bitPattern)
    let all = try communicator.allgather(words.withUnsafeBytes { Array($0) }).map { bytes in
      bytes.withUnsafeBytes { raw in
        (0..<raw.count / 8).map { raw.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
      }
    }
    let total = all.reduce(0) { $0 + Int($1[1]) }
    let sums = all.flatMap { $0.dropFirst(2).map { Double(bitPattern: $0) } }
    let loss = CanonicalTree.sum(sums) / Double(total)
    let isBest = !(progress.bestValidationLoss <= loss)
    stateLock.withLock {
      if isBest { progress.bestValidationLoss = loss }
    }
    profile.lap(.validation)
    return Validation(loss: loss, isBest: isBest, stops: all.contains { $0[0] == 1 })
  }
}
