// Index arithmetic of the canonical tree, for all small numbers of leaves and ranks.

import Testing

@testable import DataParallel

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
        #expect(
          [leafCount / worldSize, (leafCount + worldSize - 1) / worldSize].contains(intervals[rank].count))
        for leaf in intervals[rank] { #expect(intervals.owner(of: leaf) == rank) }
      }
      #expect(next == leafCount)
    }
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
