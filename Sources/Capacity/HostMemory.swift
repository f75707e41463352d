// Whether what the ranks of each host will hold fits into what bounds them. All ranks find the same answer.

import DataParallel
import Platform
import Reduction
import TrainingState

/// What the ranks know of each other's memory.
public struct HostMemory: Sendable {
  /// One rank's part.
  struct Rank: Sendable {
    let host: String
    let threads: Int
    /// Bytes that it has taken already; part of its plan.
    let present: Int
    let limits: [MemoryLimit]
    let plan: MemoryPlan
  }

  let ranks: [Rank]
  private let configuration: TrainingConfiguration
  private let saves: Bool

  init(_ ranks: [Rank], _ configuration: TrainingConfiguration, saves: Bool) {
    self.ranks = ranks
    self.configuration = configuration
    self.saves = saves
  }

  /// Asks all ranks; all of them call this.
  ///
  /// - Parameters:
  ///   - threads: of this rank.
  ///   - saves: whether rank 0 writes checkpoints.
  public init(
    _ configuration: TrainingConfiguration, threads: Int, saves: Bool, communicator: Communicator
  ) throws {
    var writer = ByteWriter()
    writer.append(threads)
    writer.append(Self.presentBytes)
    writer.append(list: MemoryLimits.current()) { writer, limit in
      for text in [limit.name, limit.words] { writer.append(text) }
      writer.append(limit.available)
      writer.append(UInt8(limit.isTotal ? 1 : 0))
    }
    let garbled = RuntimeFailure("the memory of a rank arrived damaged")
    let reduction = ReductionPlan(leafCount: configuration.leafCount, layout: communicator.layout)
    let ranks = try communicator.allgather(writer.bytes).enumerated().map { rank, bytes in
      var reader = ByteReader(bytes, garbled: garbled)
      let threads: Int = try reader.number()
      let present: Int = try reader.number()
      let limits = try reader.list(elementSize: 25) { reader in
        MemoryLimit(
          name: try reader.text(), words: try reader.text(), available: try reader.number(),
          isTotal: try reader.number(UInt8.self) == 1)
      }
      return Rank(
        host: communicator.peers[rank].host, threads: threads, present: present, limits: limits,
        plan: MemoryPlan(
          configuration, threads: threads, rank: rank, reduction: reduction, saves: saves))
    }
    self.init(ranks, configuration, saves: saves)
  }

  /// Ranks that do not exist yet, all on this host.
  public init(
    planning configuration: TrainingConfiguration, ranks count: Int, threads: Int, saves: Bool
  ) {
    let limits = MemoryLimits.current()
    let reduction = ReductionPlan(
      leafCount: configuration.leafCount, layout: HostLayout(names: Array(repeating: 0, count: count)))
    let ranks = (0..<count).map { rank in
      Rank(
        host: "", threads: threads, present: 0, limits: limits,
        plan: MemoryPlan(configuration, threads: threads, rank: rank, reduction: reduction, saves: saves))
    }
    self.init(ranks, configuration, saves: saves)
  }

  /// Resident bytes of this process that files do not back.
  private static var presentBytes: Int { bytes("RssAnon") ?? 0 }

  /// The most that this process has had resident so far, in bytes; nil without /proc.
  public static var peakBytes: Int? { bytes("VmHWM") }

  private static func bytes(_ name: String) -> Int? {
    Machine.ownStatus(name).flatMap { Int($0) }.map { $0 << 10 }
  }

  public var planOfRootRank: MemoryPlan { ranks[0].plan }

  /// The largest rank's.
  public var largest: MemoryPlan { ranks.map(\.plan).max { $0.total < $1.total } ?? ranks[0].plan }

  /// What the ranks of the host that needs most will hold, and what its tightest bound leaves them in all.
  public var fullestHost: (needed: Int, available: Int?) {
    let hosts = Dictionary(grouping: ranks.indices) { ranks[$0].host }
    let sums = hosts.values.map { members in members.reduce(0) { $0 + ranks[$1].plan.total } }
    let margins = bounds.filter { !$0.limit.name.isEmpty }.map { bound in
      bound.limit.available + (bound.limit.isTotal ? 0 : bound.present)
    }
    return (sums.max() ?? 0, margins.min())
  }

  /// A bound and the ranks under it.
  private struct Bound {
    let limit: MemoryLimit
    let ranks: [Int]
    let needed: Int
    let present: Int
  }

  private var bounds: [Bound] { bounds { ranks[$0].plan } }

  private func bounds(_ plan: (Int) -> MemoryPlan) -> [Bound] {
    var found: [String: [(rank: Int, limit: MemoryLimit)]] = [:]
    for (rank, member) in ranks.enumerated() {
      for limit in member.limits {
        let key = limit.name.isEmpty ? "rank \(rank)" : "\(member.host) \(limit.name)"
        found[key, default: []].append((rank, limit))
      }
    }
    return found.sorted { $0.key < $1.key }.compactMap { _, members in
      guard let tightest = members.map(\.limit).min(by: { $0.available < $1.available }) else { return nil }
      let present = members.reduce(0) { $0 + min(ranks[$1.rank].present, plan($1.rank).total) }
      let total = members.reduce(0) { $0 + plan($1.rank).total }
      return Bound(
        limit: tightest, ranks: members.map(\.rank),
        needed: tightest.isTotal ? total : total - present, present: present)
    }
  }

  /// A plan is exact to a few percent, and nothing that would fit is to be refused.
  private static let tolerance = 0.95

  private func exceeded(_ plan: (Int) -> MemoryPlan) -> Bound? {
    bounds(plan).filter { Self.tolerance * Double($0.needed) > Double($0.limit.available) }
      .max { $0.needed - $0.limit.available < $1.needed - $1.limit.available }
  }

  /// One line of what is needed, what there is, and what would fit; nil if it fits.
  public var refusal: InvalidInput? {
    guard let bound = exceeded({ ranks[$0].plan }) else { return nil }
    let member = ranks[bound.ranks[0]]
    let who = bound.ranks.count == 1 ? "rank \(bound.ranks[0])" : "\(bound.ranks.count) ranks"
    let place = member.host.isEmpty ? "" : " on \(member.host)"
    return InvalidInput(
      "\(who)\(place) would need \(Readable.bytes(bound.needed)) of memory\(bound.limit.isTotal ? "" : " more"), but "
        + "\(bound.limit.words) leaves \(Readable.bytes(bound.limit.available)); choose \(remedies)")
  }

  /// What would fit, as options.
  private var remedies: String {
    var found: [String] = []
    func tryOut(
      _ text: String, threads: Int? = nil, _ change: (inout TrainingConfiguration) -> Void = { _ in }
    ) -> Bool {
      var changed = configuration
      change(&changed)
      let reduction = ReductionPlan(
        leafCount: changed.leafCount, layout: HostLayout(names: ranks.map(\.host)))
      let fits =
        exceeded {
          MemoryPlan(
            changed, threads: threads ?? ranks[$0].threads, rank: $0, reduction: reduction, saves: saves)
        } == nil
      if fits { found.append(text) }
      return fits
    }
    let threads = ranks.map(\.threads).max() ?? 1
    for fewer in [threads / 2, 1] where fewer >= 1 && fewer < threads {
      if tryOut("--threads \(fewer)", threads: fewer) { break }
    }
    // Fewer leaves take fewer buffers.
    let share = max(1, configuration.globalBatchSize / ranks.count)
    if share > configuration.microbatchSize {
      _ = tryOut("--micro-batch-size \(share)") { $0.microbatchSize = share }
    }
    let step = configuration.model.headCount
    var width = configuration.model.embeddingSize / 2 / step * step
    while width >= step {
      if tryOut("--n-embd \(width)", { $0.model.embeddingSize = width }) { break }
      width = width / 2 / step * step
    }
    if ranks.count > 1 { found.insert("fewer ranks with more --threads each", at: 0) }
    return found.isEmpty ? "a smaller model, or a larger machine" : found.joined(separator: ", or ")
  }
}
