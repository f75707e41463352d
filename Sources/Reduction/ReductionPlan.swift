// Who sends which part of which node to whom, and in which order a part is finished. All ranks know it without
// communication, because it depends only on leaves, ranks, hosts and elements.

/// The plan of one gradient exchange.
///
/// Each rank folds its leaves into nodes (`LeafFold`). The ranks of a host read each other's nodes and finish those
/// of the host; only these cross the wire. The elements are cut into one slice a host and each slice into pieces, so
/// that all ranks of a host share its work: of every piece, one rank of each host finishes the host's nodes and sends
/// them to one rank of the host that owns the slice, which finishes the tree and sends the sum back. A host thus sends
/// (1 - 1/H) gradients for each of its nodes and (1 - 1/H) for its slice, however many ranks it has.
public struct ReductionPlan: Sendable {
  public let leafCount: Int
  public let layout: HostLayout
  public let intervals: LeafIntervals
  /// The maximal canonical nodes of each rank and of each host, in leaf order.
  public let nodesOfRank: [[Range<Int>]]
  public let nodesOfHost: [[Range<Int>]]
  /// From the nodes of a host's ranks to those of the host.
  public let onHost: [NodeSums]
  /// From the nodes of all hosts to the whole tree.
  public let acrossHosts: NodeSums
  /// Index in `acrossHosts.inputs` of each host's nodes.
  public let indicesOfHost: [Range<Int>]

  public init(leafCount: Int, layout: HostLayout) {
    precondition(leafCount >= 1)
    self.leafCount = leafCount
    self.layout = layout
    let intervals = LeafIntervals(leafCount: leafCount, layout: layout)
    self.intervals = intervals
    let nodesOfRank = (0..<layout.worldSize).map {
      CanonicalTree.maximalNodes(in: intervals[$0], leafCount: leafCount)
    }
    self.nodesOfRank = nodesOfRank
    nodesOfHost = layout.hosts.map { ranks in
      let leaves = ranks.map { intervals[$0] }.filter { !$0.isEmpty }
      guard let first = leaves.first, let last = leaves.last else { return [] }
      return CanonicalTree.maximalNodes(in: first.lowerBound..<last.upperBound, leafCount: leafCount)
    }
    onHost = zip(layout.hosts, nodesOfHost).map { ranks, nodes in
      NodeSums(from: ranks.flatMap { nodesOfRank[$0] }, to: nodes)
    }
    acrossHosts = NodeSums(from: nodesOfHost.flatMap { $0 }, to: [0..<leafCount])
    var indices: [Range<Int>] = []
    for nodes in nodesOfHost {
      let first = indices.last?.upperBound ?? 0
      indices.append(first..<first + nodes.count)
    }
    indicesOfHost = indices
  }

  /// Whether the only rank folds its leaves into the sum itself. Of several ranks, others may still read the sum while
  /// one goes on.
  public var foldsIntoSum: Bool { layout.worldSize == 1 }

  /// Part of the elements, reduced by one rank of each host.
  public struct Piece: Equatable, Sendable {
    /// Boundaries are multiples of 16 floats, but for the end; may be empty.
    public let elements: Range<Int>
    /// The host that finishes it.
    public let owner: Int
    /// By host: the rank that handles it there.
    public let handlers: [Int]
  }

  /// Cuts `elements` into pieces, in the same order on all ranks.
  public func pieces(of elements: Range<Int>) -> [Piece] {
    let parts = layout.mostRanksOfAHost
    return Self.slices(of: elements, count: layout.hosts.count).enumerated().flatMap { owner, slice in
      Self.slices(of: slice, count: parts).enumerated().map { part, range in
        Piece(
          elements: range, owner: owner,
          // Hosts with fewer ranks than parts would otherwise give all the work of all slices to the same ones.
          handlers: layout.hosts.map { $0[(part + owner) % $0.count] })
      }
    }
  }

  /// Cuts `elements`, which begin at a multiple of 16, as evenly as whole cache lines allow.
  static func slices(of elements: Range<Int>, count: Int) -> [Range<Int>] {
    let lines = (elements.count + 15) / 16
    return (0..<count).map { index in
      let first = elements.lowerBound + 16 * (lines * index / count)
      let end = elements.lowerBound + 16 * (lines * (index + 1) / count)
      return min(first, elements.upperBound)..<min(end, elements.upperBound)
    }
  }
}
