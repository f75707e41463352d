// How many ranks and threads there are for the processors and for the leaves of a step: what fits badly is said once,
// with what to choose instead. The bits are the same in any shape.

import DataParallel
import Platform
import Reduction
import TrainingState

/// Ranks, threads and what they have to share.
public struct JobShape {
  package struct Host: Equatable {
    let name: String
    let ranks: Int
    /// That its ranks may use, together.
    let processors: Int
  }

  package var hosts: [Host]
  /// Of this rank.
  package var threads: Int
  /// What chose the threads, if it was neither the user nor the processors of the host.
  package var threadsSource: String?
  package var areThreadsGiven: Bool
  /// Processors of this rank's affinity mask.
  package var usableCount: Int

  /// - Parameter share: what a batch system says of this rank's threads.
  public init(
    _ communicator: Communicator, threads: Int, areThreadsGiven: Bool, share: (count: Int, source: String)?
  ) {
    let names = communicator.peers.map(\.host)
    let usableCount = Machine.usableProcessorCount
    let ofHost = max(1, min(communicator.localProcessorCount / communicator.localSize, usableCount))
    self.init(
      hosts: HostLayout(names: names).hosts.map { ranks in
        let name = names[ranks[0]]
        return Host(name: name, ranks: ranks.count, processors: communicator.processorCount(ofHost: name))
      },
      threads: threads, threadsSource: areThreadsGiven || threads == ofHost ? nil : share?.source,
      areThreadsGiven: areThreadsGiven, usableCount: usableCount)
  }

  package init(hosts: [Host], threads: Int, threadsSource: String?, areThreadsGiven: Bool, usableCount: Int) {
    self.hosts = hosts
    self.threads = threads
    self.threadsSource = threadsSource
    self.areThreadsGiven = areThreadsGiven
    self.usableCount = usableCount
  }

  private var worldSize: Int { hosts.reduce(0) { $0 + $1.ranks } }

  /// A line for each thing that does not fit.
  public func notes(for c: TrainingConfiguration) -> [String] {
    [beyondLeaves(c), beyondProcessors, share, threadsBeyondProcessors].compactMap { $0 }
  }

  /// Ranks, or threads of each, without work.
  private func beyondLeaves(_ c: TrainingConfiguration) -> String? {
    let smaller = max(1, c.globalBatchSize / (worldSize * (worldSize > c.leafCount ? 1 : threads)))
    let advice =
      c.microbatchSize > 1
      ? "choose --micro-batch-size \(smaller) to use more of them"
      : "a batch of \(c.globalBatchSize) has no more to give"
    if worldSize > c.leafCount, worldSize > 1 {
      return "\(worldSize - c.leafCount) of \(worldSize) ranks own no leaf: \(advice)"
    }
    let most = (c.leafCount + worldSize - 1) / worldSize
    // Nobody has asked for the threads of a default, and nothing can be done for them.
    guard threads > most, areThreadsGiven || c.microbatchSize > 1 else { return nil }
    return "\(threads - most) of \(threads) threads of a rank have no leaf, as it owns "
      + "\(worldSize == 1 ? "" : "at most ")\(Readable.count(most, "leaf", "leaves")): \(advice)"
      + ", or --threads \(most)"
  }

  /// More ranks than processors take turns.
  private var beyondProcessors: String? {
    let crowded = hosts.filter { $0.ranks > $0.processors }
    guard let worst = crowded.max(by: { $0.ranks * $1.processors < $1.ranks * $0.processors }) else {
      return nil
    }
    let fitting = hosts.reduce(0) { $0 + min($1.ranks, $1.processors) }
    let threads = worst.processors > 1 ? ", or a rank a host with --threads \(worst.processors)," : ""
    return "\(worst.ranks) ranks share \(Readable.count(worst.processors, "processor")) of \(worst.name)"
      + "\(crowded.count > 1 ? " (and so on \(Readable.count(crowded.count - 1, "other host")))" : "")"
      + " and take turns: \(Readable.count(fitting, "rank"))\(threads) will give the same bits sooner"
  }

  private var share: String? {
    guard let threadsSource else { return nil }
    return "\(Readable.count(threads, "thread")) a rank, this job's share (\(threadsSource)), of the "
      + "\(Readable.count(usableCount, "processor")) that the affinity mask allows; --threads overrides it"
  }

  /// More threads than this rank has processors for.
  private var threadsBeyondProcessors: String? {
    guard threads > usableCount else { return nil }
    return
      "\(threads) threads share \(Readable.count(usableCount, "processor")), all that this rank may use: "
      + "--threads \(usableCount) is faster (a launcher that binds, taskset or a container: see --doctor)"
  }
}
