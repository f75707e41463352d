// Adds the leaves of one rank into its maximal canonical nodes while they are being computed. Knows nothing
// of other ranks (see ReductionPlan) or of what a leaf is.

import Glibc
import Synchronization

/// The fold of one rank's leaves along the canonical tree.
///
/// Threads deliver leaves in any order, whole or bucket by bucket. Whichever thread completes the second of two
/// siblings adds right into left, outside the lock, and carries the sum up; so the order of additions is the tree's,
/// never the threads'. Never more than threads + log₂(leaves) buffers are on loan: a thread that is far ahead of
/// another one waits for it.
public final class LeafFold: Sendable {
  public let leafCount: Int
  public let interval: Range<Int>
  /// The maximal canonical nodes of `interval`, in leaf order.
  public let nodeRanges: [Range<Int>]
  public let precision: ReductionPrecision
  /// Parts of a gradient that are delivered one after the other, each complete before the next.
  public let buckets: [Range<Int>]
  private let pool: BufferPool
  /// Where each node's sum ends up: the buffer of its first leaf.
  private let destinations: [LentBuffer]
  private let links: [Link]
  /// Link index of each leaf of `interval`.
  private let leafLinks: [Int]
  private let state: Mutex<State>

  /// A tree node's sibling and parent. `parent` is -1 for a maximal node.
  private struct Link {
    var parent = -1
    var sibling = -1
    var isLeft = false
    /// Index in `nodeRanges`, if this node begins with the first leaf of it.
    var destination = -1
  }

  private struct State {
    /// Sums of buckets that wait for their siblings, by link and bucket.
    var waiting: [LentBuffer?]
    /// By link: buckets that have been added to the left sibling.
    var merged: [Int]
    /// By bucket.
    var finishedNodes: [Int]
    /// By leaf of the interval: whether it has been delivered.
    var isDelivered: [Bool]
    /// The first leaf of the interval that has not been.
    var firstOpen = 0
  }

  /// - Parameters:
  ///   - leafCount: leaves of the whole step, L.
  ///   - interval: the leaves of this rank.
  ///   - elementCount: floats in a gradient.
  ///   - threads: how many leaves are computed at a time.
  ///   - destinations: memory for `elementCount` floats for each of the interval's maximal nodes.
  ///   - buckets: covers the elements; one by default.
  public init(
    leafCount: Int, interval: Range<Int>, elementCount: Int, threads: Int,
    destinations: [UnsafeMutablePointer<Float>], buckets: [Range<Int>]? = nil,
    precision: ReductionPrecision = .float32
  ) {
    self.leafCount = leafCount
    self.interval = interval
    self.precision = precision
    self.buckets = buckets ?? [0..<elementCount]
    self.destinations = destinations.map { LentBuffer(pointer: $0) }
    nodeRanges = CanonicalTree.maximalNodes(in: interval, leafCount: leafCount)
    precondition(destinations.count == nodeRanges.count, "one destination a node")
    let largest = nodeRanges.map(\.count).max() ?? 1
    pool = BufferPool(elementCount: elementCount, limit: threads + CanonicalTree.depth(leafCount: largest))
    var links: [Link] = []
    var leafLinks = [Int](repeating: -1, count: interval.count)
    func build(_ range: Range<Int>, destination: Int) -> Int {
      let own = links.count
      links.append(Link(destination: destination))
      if range.count == 1 {
        leafLinks[range.lowerBound - interval.lowerBound] = own
      } else {
        let middle = CanonicalTree.split(range)
        let left = build(range.lowerBound..<middle, destination: destination)
        let right = build(middle..<range.upperBound, destination: -1)
        links[left].parent = own
        links[left].sibling = right
        links[left].isLeft = true
        links[right].parent = own
        links[right].sibling = left
      }
      return own
    }
    for (index, range) in nodeRanges.enumerated() { _ = build(range, destination: index) }
    self.links = links
    self.leafLinks = leafLinks
    state = Mutex(
      State(
        waiting: Array(repeating: nil, count: links.count * self.buckets.count),
        merged: Array(repeating: 0, count: links.count),
        finishedNodes: Array(repeating: 0, count: self.buckets.count),
        isDelivered: Array(repeating: false, count: interval.count)))
  }

  /// A buffer of `elementCount` floats for `leaf`, contents undefined. Return it with `complete`. Leaves must be taken
  /// roughly in order: a thread that is far ahead of another waits, but whoever has the first open leaf never does.
  public func takeBuffer(for leaf: Int) -> UnsafeMutablePointer<Float> {
    let own = leaf - interval.lowerBound
    let destination = links[leafLinks[own]].destination
    if destination >= 0 { return destinations[destination].pointer }
    while true {
      let isFirst = state.withLock { $0.firstOpen == own }
      if let buffer = pool.take(reserve: isFirst ? 0 : 1) { return buffer }
      usleep(50)
    }
  }

  /// The high-water mark of buffers on loan at one time, beside the destinations.
  public var bufferCount: Int { pool.bufferCount }

  /// Delivers the finished gradient of `leaf`, once per step, from any thread. The fold then owns the buffer.
  /// - Returns: whether this was the last leaf.
  @discardableResult
  public func complete(leaf: Int, buffer: UnsafeMutablePointer<Float>) -> Bool {
    buckets.indices.reduce(false) { _, bucket in complete(bucket, ofLeaf: leaf, buffer: buffer) }
  }

  /// Delivers one bucket of the gradient of `leaf`; all buckets in order, from one thread.
  /// - Returns: whether the bucket of all nodes is thereby finished.
  public func complete(_ bucket: Int, ofLeaf leaf: Int, buffer: UnsafeMutablePointer<Float>) -> Bool {
    precondition(interval.contains(leaf), "leaf \(leaf) is not of this rank's \(interval)")
    let elements = buckets[bucket]
    if bucket == buckets.count - 1 { noteDelivery(of: leaf - interval.lowerBound) }
    if precision == .bfloat16 { BFloat16.round(buffer + elements.lowerBound, count: elements.count) }
    var carried = LentBuffer(pointer: buffer)
    var index = leafLinks[leaf - interval.lowerBound]
    while true {
      let link = links[index]
      let (sum, own) = (carried, index)
      enum Next {
        case wait
        case finished(all: Bool)
        case add(LentBuffer)
      }
      let next: Next = state.withLock { state in
        if link.parent < 0 {
          precondition(state.finishedNodes[bucket] < nodeRanges.count, "a leaf was completed twice")
          state.finishedNodes[bucket] += 1
          return .finished(all: state.finishedNodes[bucket] == nodeRanges.count)
        }
        guard let sibling = state.waiting[link.sibling * buckets.count + bucket] else {
          precondition(state.waiting[own * buckets.count + bucket] == nil, "a leaf was completed twice")
          state.waiting[own * buckets.count + bucket] = sum
          return .wait
        }
        state.waiting[link.sibling * buckets.count + bucket] = nil
        return .add(sibling)
      }
      switch next {
      case .wait: return false
      case .finished(let all): return all
      case .add(let sibling):
        let (left, right) = link.isLeft ? (carried, sibling) : (sibling, carried)
        let start = elements.lowerBound
        VectorSum.add(
          left.pointer + start, right.pointer + start, into: left.pointer + start, count: elements.count,
          precision)
        let isDone = state.withLock { state in
          let right = link.isLeft ? link.sibling : index
          state.merged[right] += 1
          return state.merged[right] == buckets.count
        }
        if isDone { pool.giveBack(right.pointer) }
        carried = left
        index = link.parent
      }
    }
  }

  private func noteDelivery(of own: Int) {
    state.withLock { state in
      state.isDelivered[own] = true
      while state.firstOpen < interval.count, state.isDelivered[state.firstOpen] { state.firstOpen += 1 }
    }
  }

  /// Whether every leaf of the interval has been folded.
  public var isComplete: Bool { state.withLock { $0.finishedNodes.allSatisfy { $0 == nodeRanges.count } } }

  /// The sum of node `index` of `nodeRanges`, once all leaves are complete; valid until the next step.
  public func node(_ index: Int) -> UnsafeMutablePointer<Float> { destinations[index].pointer }

  /// Readies the fold for the next step. Also drops an unfinished step, provided that no thread is still working on it.
  public func recycle() {
    state.withLock { state in
      for index in state.waiting.indices { state.waiting[index] = nil }
      for index in state.merged.indices { state.merged[index] = 0 }
      for index in state.finishedNodes.indices { state.finishedNodes[index] = 0 }
      for index in state.isDelivered.indices { state.isDelivered[index] = false }
      state.firstOpen = 0
    }
    pool.reset()
  }
}
