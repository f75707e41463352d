// The one order in which a step's leaves are added, whatever the number of ranks and threads.
// Pure index arithmetic: no buffers, no communication.

/// The canonical binary tree over leaves `0..<leafCount` of a step.
///
/// `tree(lo, hi)` is the leaf when `hi - lo == 1`, else `tree(lo, mid) + tree(mid, hi)` with
/// `mid` = `lo` + the largest power of two below `hi - lo`. Sums along it depend only on the leaves.
public enum CanonicalTree {
  /// Where a node of at least two leaves is split.
  public static func split(_ node: Range<Int>) -> Int {
    precondition(node.count >= 2, "a leaf has no children")
    return node.lowerBound + largestPowerOfTwo(below: node.count)
  }

  /// Additions on the longest path from a leaf to the root; 0 for one leaf.
  public static func depth(leafCount: Int) -> Int {
    precondition(leafCount >= 1)
    return leafCount == 1 ? 0 : Int.bitWidth - (leafCount - 1).leadingZeroBitCount
  }

  /// The fewest nodes of the tree over `0..<leafCount` that together cover `interval`, in leaf order. At most
  /// 2·log₂(leafCount) nodes; none for an empty interval.
  public static func maximalNodes(in interval: Range<Int>, leafCount: Int) -> [Range<Int>] {
    precondition(interval.lowerBound >= 0 && interval.upperBound <= leafCount)
    var nodes: [Range<Int>] = []
    func visit(_ node: Range<Int>) {
      guard node.overlaps(interval) else { return }
      if interval.lowerBound <= node.lowerBound && node.upperBound <= interval.upperBound {
        nodes.append(node)
        return
      }
      let middle = split(node)
      visit(node.lowerBound..<middle)
      visit(middle..<node.upperBound)
    }
    if leafCount > 0 { visit(0..<leafCount) }
    return nodes
  }

  /// The canonical sum of one number per leaf, for losses and token counts. Zero for no leaves.
  public static func sum(_ leaves: [Double]) -> Double {
    func sum(_ node: Range<Int>) -> Double {
      guard node.count > 1 else { return leaves[node.lowerBound] }
      let middle = split(node)
      return sum(node.lowerBound..<middle) + sum(middle..<node.upperBound)
    }
    return leaves.isEmpty ? 0 : sum(leaves.indices)
  }

  /// The number of `maximalNodes`.
  public static func nodeCount(in interval: Range<Int>, leafCount: Int) -> Int {
    func count(_ node: Range<Int>) -> Int {
      guard node.overlaps(interval) else { return 0 }
      if interval.lowerBound <= node.lowerBound && node.upperBound <= interval.upperBound { return 1 }
      let middle = split(node)
      return count(node.lowerBound..<middle) + count(middle..<node.upperBound)
    }
    return interval.isEmpty ? 0 : count(0..<leafCount)
  }

  private static func largestPowerOfTwo(below count: Int) -> Int {
    1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount)
  }
}
