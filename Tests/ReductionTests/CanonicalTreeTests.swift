// Index arithmetic of the canonical tree, for all small numbers of leaves and ranks.

import Testing

@testable import Reduction

@Suite struct CanonicalTreeTests {
  @Test func splitIsTheLargestPowerOfTwoBelow() {
    for count in 2...300 {
      let taken = CanonicalTree.split(10..<(10 + count)) - 10
      #expect(taken.nonzeroBitCount == 1 && taken < count && 2 * taken >= count)
    }
  }

  @Test func depthIsTheLogarithmRoundedUp() {
    #expect(CanonicalTree.depth(leafCount: 1) == 0)
    for leafCount in 2...300 {
      let depth = CanonicalTree.depth(leafCount: leafCount)
      #expect(1 << depth >= leafCount && 1 << (depth - 1) < leafCount)
    }
  }

  @Test func sumFollowsTheTreeAndNoOtherOrder() {
    // ((1e16 + 1) + (-1e16 + 1)) + 1: the ones next to the large numbers are rounded away.
    #expect(CanonicalTree.sum([1e16, 1, -1e16, 1, 1]) == ((1e16 + 1) + (-1e16 + 1)) + 1)
    #expect(CanonicalTree.sum([1e16, -1e16, 1, 1, 1]) == 3)
    #expect(CanonicalTree.sum([7]) == 7)
    #expect(CanonicalTree.sum([]) == 0)
  }

  @Test(arguments: 1...70) func intervalsCoverTheLeavesEvenly(leafCount: Int) {
    for worldSize in 1...17 {
      let intervals = LeafIntervals(leafCount: leafCount, worldSize: worldSize)
      var next = 0
      for rank in 0..<worldSize {
        #expect(intervals[rank].lowerBound == next)
        next = intervals[rank].upperBound
        #expect(intervals[rank].count <= (leafCount + worldSize - 1) / worldSize)
        for leaf in intervals[rank] { #expect(intervals.owner(of: leaf) == rank) }
      }
      #expect(next == leafCount)
      // More ranks than leaves: the first ones work.
      if worldSize > leafCount {
        #expect(intervals[leafCount - 1].count == 1 && intervals[leafCount].isEmpty)
      }
    }
  }

  @Test func hostsAreCutWhereFewNodesAre() {
    func cuts(_ leafCount: Int, _ ranksOfHosts: [Int]) -> [Int] {
      let names = ranksOfHosts.enumerated().flatMap { Array(repeating: $0, count: $1) }
      let layout = HostLayout(names: names)
      let intervals = LeafIntervals(leafCount: leafCount, layout: layout)
      return layout.hosts.dropLast().map { intervals[$0.last!].upperBound }
    }
    #expect(cuts(64, [1, 1]) == [32])
    #expect(cuts(64, [8, 8]) == [32])
    #expect(cuts(64, [3, 3]) == [32])
    #expect(cuts(60, [4, 4]) == [32])
    #expect(cuts(64, [1, 1, 1]) == [24, 48])
    #expect(cuts(64, [1, 1, 1, 1, 1, 1]) == [12, 24, 36, 48, 56])
    // One node each would be 16 leaves a rank on the smaller host where 14 suffice.
    #expect(cuts(64, [3, 2]) == [40])
    // A leaf each: nothing to choose.
    #expect(cuts(4, [1, 1, 1, 1]) == [1, 2, 3])
  }

  /// What a host sends, in gradients, is (1 - 1/H)(1 + its nodes).
  @Test func hostsHaveOneNodeHoweverManyRanks() {
    for hosts in [2, 4, 8] {
      for ranks in 1...17 {
        let layout = HostLayout(names: (0..<hosts * ranks).map { $0 / ranks })
        let plan = ReductionPlan(leafCount: 64, layout: layout)
        #expect(plan.nodesOfHost.allSatisfy { $0.count <= 1 }, "\(hosts) hosts of \(ranks)")
      }
    }
  }

  @Test func ranksOfAHostNeedNotBeNeighbours() {
    let layout = HostLayout(names: ["a", "b", "a", "b", "c"])
    #expect(layout.hosts == [[0, 2], [1, 3], [4]])
    let intervals = LeafIntervals(leafCount: 10, layout: layout)
    #expect((0..<5).map { intervals[$0] } == [0..<2, 4..<6, 2..<4, 6..<8, 8..<10])
    #expect(intervals.owner(of: 2) == 2)
  }

  @Test(arguments: 1...70) func maximalNodesAreFewestNodesOfTheTree(leafCount: Int) {
    var nodes: Set<Range<Int>> = []
    func collect(_ node: Range<Int>) {
      nodes.insert(node)
      guard node.count > 1 else { return }
      let middle = CanonicalTree.split(node)
      collect(node.lowerBound..<middle)
      collect(middle..<node.upperBound)
    }
    collect(0..<leafCount)
    for start in 0...leafCount {
      for end in start...leafCount {
        let cover = CanonicalTree.maximalNodes(in: start..<end, leafCount: leafCount)
        #expect(cover.flatMap { Array($0) } == Array(start..<end))
        #expect(CanonicalTree.nodeCount(in: start..<end, leafCount: leafCount) == cover.count)
        #expect(cover.allSatisfy(nodes.contains))
        // None can be replaced by a larger one: every node that contains one of them leaves the interval.
        for part in cover {
          let larger = nodes.filter { $0.count > part.count && $0.contains(part.lowerBound) }
          #expect(larger.allSatisfy { $0.lowerBound < start || $0.upperBound > end })
        }
      }
    }
  }

  @Test func powersOfTwoThatDivideTheLeavesGiveOneNodeEach() {
    for leafCount in [8, 16, 24, 40, 64] {
      for worldSize in [1, 2, 4, 8] {
        let intervals = LeafIntervals(leafCount: leafCount, worldSize: worldSize)
        let counts = (0..<worldSize).map {
          CanonicalTree.maximalNodes(in: intervals[$0], leafCount: leafCount).count
        }
        if (leafCount / worldSize).nonzeroBitCount == 1 { #expect(counts.allSatisfy { $0 == 1 }) }
      }
    }
  }
}
