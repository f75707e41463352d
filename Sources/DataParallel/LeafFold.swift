// Adds the leaves of one rank into its maximal canonical nodes while they are being computed. Knows nothing
// of other ranks (see GradientExchange) or of what a leaf is.

import Synchronization

/// The fold of one rank's leaves along the canonical tree.
///
/// Threads deliver leaves in any order. Whichever thread completes the second of two siblings adds right into
/// left, outside the lock, and carries the sum up; so the order of additions is the tree's, never the
/// threads'. If leaves are taken roughly in order, about threads + log₂(leaves) buffers are live.
public final class LeafFold: Sendable {
  public let leafCount: Int
  public let interval: Range<Int>
  /// The maximal canonical nodes of `interval`, in leaf order.
  public let nodeRanges: [Range<Int>]
  private let pool: BufferPool
  private let links: [Link]
  /// Link index of each leaf of `interval`.
  private let leafLinks: [Int]
  private let state: Mutex<State>

  /// A tree node's sibling and parent. `parent` is -1 for a maximal node.
  private struct Link {
    var parent = -1
    var sibling = -1
    var isLeft = false
    /// Index in `nodeRanges`, for a maximal node.
    var node = -1
  }

  private struct State {
    /// Finished sums waiting for their siblings, by link index.
    var waiting: [LentBuffer?]
    var nodes: [LentBuffer?]
    var finishedNodes = 0
  }

  /// - Parameters:
  ///   - leafCount: leaves of the whole step, L.
  ///   - interval: the leaves of this rank, from `LeafIntervals`.
  ///   - pool: where buffers come from; share one pool among folds of different leaf counts.
  public init(leafCount: Int, interval: Range<Int>, pool: BufferPool) {
    self.leafCount = leafCount
    self.interval = interval
    self.pool = pool
    nodeRanges = CanonicalTree.maximalNodes(in: interval, leafCount: leafCount)
    var links: [Link] = []
    var leafLinks = [Int](repeating: -1, count: interval.count)
    func build(_ range: Range<Int>) -> Int {
      let own = links.count
      links.append(Link())
      if range.count == 1 {
        leafLinks[range.lowerBound - interval.lowerBound] = own
      } else {
        let middle = CanonicalTree.split(range)
        let left = build(range.lowerBound..<middle)
        let right = build(middle..<range.upperBound)
        links[left].parent = own
        links[left].sibling = right
        links[left].isLeft = true
        links[right].parent = own
        links[right].sibling = left
      }
      return own
    }
    for (index, range) in nodeRanges.enumerated() {
      let root = build(range)
      links[root].node = index
    }
    self.links = links
    self.leafLinks = leafLinks
    state = Mutex(
      State(
        waiting: Array(repeating: nil, count: links.count),
        nodes: Array(repeating: nil, count: nodeRanges.count)))
  }

  public convenience init(leafCount: Int, interval: Range<Int>, elementCount: Int) {
    self.init(leafCount: leafCount, interval: interval, pool: BufferPool(elementCount: elementCount))
  }

  /// A buffer of `elementCount` floats for one leaf, contents undefined. Return it with `complete`.
  public func takeBuffer() -> UnsafeMutablePointer<Float> { pool.take() }

  /// Delivers the finished gradient of `leaf`, once per step, from any thread. The fold then owns the buffer.
  public func complete(leaf: Int, buffer: UnsafeMutablePointer<Float>) {
    precondition(interval.contains(leaf), "leaf \(leaf) is not of this rank's \(interval)")
    Heartbeat.beat()
    var carried = LentBuffer(pointer: buffer)
    var index = leafLinks[leaf - interval.lowerBound]
    while true {
      let link = links[index]
      let (sum, own) = (carried, index)
      let sibling: LentBuffer? = state.withLock { state in
        if link.parent < 0 {
          precondition(state.nodes[link.node] == nil, "a leaf was completed twice")
          state.nodes[link.node] = sum
          state.finishedNodes += 1
          return nil
        }
        guard let sibling = state.waiting[link.sibling] else {
          precondition(state.waiting[own] == nil, "a leaf was completed twice")
          state.waiting[own] = sum
          return nil
        }
        state.waiting[link.sibling] = nil
        return sibling
      }
      guard let sibling else { return }
      let (left, right) = link.isLeft ? (carried, sibling) : (sibling, carried)
      VectorSum.add(right.pointer, into: left.pointer, count: pool.elementCount)
      pool.giveBack(right.pointer)
      carried = left
      index = link.parent
    }
  }

  /// Whether every leaf of the interval has been folded.
  public var isComplete: Bool { state.withLock { $0.finishedNodes == nodeRanges.count } }

  /// The sum of node `index` of `nodeRanges`, once all leaves are complete; valid until `recycle`.
  public func node(_ index: Int) -> UnsafeMutablePointer<Float> {
    let buffer = state.withLock { state in
      precondition(state.finishedNodes == nodeRanges.count, "leaves are still missing")
      return state.nodes[index]
    }
    return buffer!.pointer
  }

  /// Returns all buffers to the pool and readies the fold for the next step. Also drops an unfinished step,
  /// provided that no thread is still working on it.
  public func recycle() {
    state.withLock { state in
      for index in state.nodes.indices {
        if let buffer = state.nodes[index] { pool.giveBack(buffer.pointer) }
        state.nodes[index] = nil
      }
      for index in state.waiting.indices {
        if let buffer = state.waiting[index] { pool.giveBack(buffer.pointer) }
        state.waiting[index] = nil
      }
      state.finishedNodes = 0
    }
  }
}
