// Who sends which part of which node to whom, and in which order a slice is finished. All ranks know it
// without communication, because it depends only on (leaves, ranks, elements). Pure, except for the additions
// in `finish`.

/// The plan of one gradient exchange: elements cut into one slice per rank, leaves into nodes per rank.
struct ExchangeLayout: Sendable {
  let leafCount: Int
  let worldSize: Int
  let elementCount: Int
  /// Elements that rank r finishes: contiguous, in order, boundaries at multiples of 16 floats; may be empty.
  let slices: [Range<Int>]
  /// The maximal canonical nodes of all ranks, in leaf order.
  let nodes: [Range<Int>]
  /// Indices in `nodes` of each rank's nodes.
  let nodesOfRank: [Range<Int>]
  /// The additions above `nodes`, ordered so that both operands are ready; the root ends up in node 0.
  let additions: [Addition]

  /// node[left] += node[right]
  struct Addition: Equatable, Sendable {
    let left: Int
    let right: Int
  }

  init(leafCount: Int, worldSize: Int, elementCount: Int) {
    precondition(leafCount >= 1 && worldSize >= 1 && elementCount >= 0)
    self.leafCount = leafCount
    self.worldSize = worldSize
    self.elementCount = elementCount
    slices = Self.slices(of: elementCount, worldSize: worldSize)
    let intervals = LeafIntervals(leafCount: leafCount, worldSize: worldSize)
    var nodes: [Range<Int>] = []
    var nodesOfRank: [Range<Int>] = []
    for rank in 0..<worldSize {
      let first = nodes.count
      nodes += CanonicalTree.maximalNodes(in: intervals[rank], leafCount: leafCount)
      nodesOfRank.append(first..<nodes.count)
    }
    self.nodes = nodes
    self.nodesOfRank = nodesOfRank
    additions = Self.additions(above: nodes, leafCount: leafCount)
  }

  /// Cuts `elementCount` floats into `worldSize` slices, as evenly as whole cache lines allow.
  static func slices(of elementCount: Int, worldSize: Int) -> [Range<Int>] {
    let lines = LeafIntervals(leafCount: (elementCount + 15) / 16, worldSize: worldSize)
    return (0..<worldSize).map { rank in
      min(lines[rank].lowerBound * 16, elementCount)..<min(lines[rank].upperBound * 16, elementCount)
    }
  }

  private static func additions(above nodes: [Range<Int>], leafCount: Int) -> [Addition] {
    var result: [Addition] = []
    var next = 0
    /// Returns the index of the node that holds the sum of `range`.
    func visit(_ range: Range<Int>) -> Int {
      if nodes[next] == range {
        next += 1
        return next - 1
      }
      let middle = CanonicalTree.split(range)
      let left = visit(range.lowerBound..<middle)
      let right = visit(middle..<range.upperBound)
      result.append(Addition(left: left, right: right))
      return left
    }
    let root = visit(0..<leafCount)
    precondition(root == 0 && next == nodes.count, "the nodes do not cover the leaves")
    return result
  }

  /// Finishes the tree for `count` elements: result = tree(0, L).
  ///
  /// - Parameter parts: for each of `nodes`, its `count` elements of this slice; overwritten as scratch.
  func finish(
    parts: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int, into result: UnsafeMutablePointer<Float>
  ) {
    guard let last = additions.last else {
      result.update(from: parts[0], count: count)
      return
    }
    // Blocks that stay in the first-level cache while the whole tree runs over them.
    let block = max(256, 8192 / nodes.count / 16 * 16)
    var start = 0
    while start < count {
      let length = min(block, count - start)
      for addition in additions.dropLast() {
        VectorSum.add(parts[addition.right] + start, into: parts[addition.left] + start, count: length)
      }
      VectorSum.add(
        parts[last.left] + start, parts[last.right] + start, into: result + start, count: length)
      start += length
    }
  }
}
