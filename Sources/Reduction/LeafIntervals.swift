// Which leaves each rank computes. Has no influence on any sum, only on who computes what and how many nodes cross
// the wire.

/// Contiguous intervals of leaves: hosts one after the other, and on each host rank after rank.
///
/// No rank has more leaves than an even division would give the longest interval, except that hosts may get up to an
/// eighth more: where cuts need not be exactly even, they are made so that the leaves of a host are few nodes of the
/// canonical tree, for each of them crosses the wire. With more ranks than leaves, some own none.
public struct LeafIntervals: Equatable, Sendable {
  public let leafCount: Int
  /// By rank.
  private let intervals: [Range<Int>]

  public init(leafCount: Int, layout: HostLayout) {
    precondition(leafCount >= 0)
    self.leafCount = leafCount
    let even = (leafCount + layout.worldSize - 1) / layout.worldSize
    let most = layout.hosts.count > 1 ? even + even / 8 : even
    let ofHosts = Self.cut(
      0..<leafCount, leafCount: leafCount, capacities: layout.hosts.map { $0.count * most })
    var intervals = [Range<Int>](repeating: 0..<0, count: layout.worldSize)
    for (ranks, interval) in zip(layout.hosts, ofHosts) {
      let longest = (interval.count + ranks.count - 1) / ranks.count
      let ofRanks = Self.cut(
        interval, leafCount: leafCount, capacities: ranks.map { _ in longest })
      for (rank, interval) in zip(ranks, ofRanks) { intervals[rank] = interval }
    }
    self.intervals = intervals
  }

  /// The same for ranks that share memory, or send so little that it does not matter.
  public init(leafCount: Int, worldSize: Int) {
    self.init(leafCount: leafCount, layout: HostLayout(names: Array(repeating: 0, count: worldSize)))
  }

  public var worldSize: Int { intervals.count }

  /// The leaves of `rank`; may be empty.
  public subscript(rank: Int) -> Range<Int> { intervals[rank] }

  /// The rank that computes `leaf`.
  public func owner(of leaf: Int) -> Int {
    precondition(0 <= leaf && leaf < leafCount)
    return intervals.firstIndex { $0.contains(leaf) }!
  }

  /// Cuts `interval` into parts of at most `capacities` leaves: so that the part with the most maximal nodes has few
  /// (the others wait for it), then evenly, then with few nodes, then the longer parts first.
  private static func cut(_ interval: Range<Int>, leafCount: Int, capacities: [Int]) -> [Range<Int>] {
    let parts = capacities.count
    // rest[i]: how many leaves parts i, i + 1, … can take.
    var rest = [Int](repeating: 0, count: parts + 1)
    for part in capacities.indices.reversed() { rest[part] = rest[part + 1] + capacities[part] }
    precondition(rest[0] >= interval.count, "the parts cannot hold the leaves")
    /// Where a part may begin, for what the parts before and after it can take.
    func beginnings(_ part: Int) -> ClosedRange<Int> {
      let first = max(interval.lowerBound, interval.upperBound - rest[part])
      return first...min(interval.upperBound, interval.lowerBound + rest[0] - rest[part])
    }
    /// The best way to divide the leaves from one on among the parts from one on.
    struct Way {
      var mostNodes = 0
      var allNodes = 0
      var unevenness = 0
      var size = 0
      var cost: (Int, Int, Int) { (mostNodes, unevenness, allNodes) }
    }
    // ways[i]: by where part i begins.
    var ways: [[Way]] = Array(repeating: [], count: parts + 1)
    ways[parts] = [Way()]
    for part in capacities.indices.reversed() {
      let ends = beginnings(part + 1)
      ways[part] = beginnings(part).map { start in
        var best: Way?
        for end in ends.clamped(to: start...start + capacities[part]).reversed() {
          var way = ways[part + 1][end - ends.lowerBound]
          let nodes = CanonicalTree.nodeCount(in: start..<end, leafCount: leafCount)
          let deviation = (end - start) * parts - interval.count
          way.mostNodes = max(way.mostNodes, nodes)
          way.allNodes += nodes
          way.unevenness += deviation * deviation
          way.size = end - start
          if let best, best.cost <= way.cost { continue }
          best = way
        }
        return best!
      }
    }
    var start = interval.lowerBound
    return capacities.indices.map { part in
      let size = ways[part][start - beginnings(part).lowerBound].size
      defer { start += size }
      return start..<start + size
    }
  }
}
