// The sum of all ranks' leaves, bit for bit that of the canonical tree: reduce-scatter of nodes, then
// allgather of slices. Point-to-point messages and polling, so that a missing rank can be named; the order of
// arrival never matters.

import COpenMPI
import Platform

/// Reduces flat gradients across ranks along the canonical tree, for any number of ranks and leaves.
///
/// For each of its nodes, a rank sends every other rank that rank's slice, straight from the fold's buffers;
/// the receiver finishes the tree for its slice in place and sends the finished slice to all. No buffer is
/// allocated in a step after the first one with the same leaf count.
public final class GradientExchange {
  private let communicator: Communicator
  public let elementCount: Int
  private let maximumMessageLength: Int
  private let pending: PendingRequests
  private var plans: [Int: ExchangeLayout] = [:]
  /// This rank's slice of every other rank's nodes.
  private var received: UnsafeMutablePointer<Float>
  private var receivedCapacity = 0
  /// This rank's slice of every node, wherever it is.
  private var parts: [UnsafeMutablePointer<Float>] = []

  /// - Parameters:
  ///   - elementCount: floats in one gradient, N; need not be a multiple of anything.
  ///   - maximumMessageLength: longer transfers are cut into messages of this many floats (MPI counts are
  ///     Int32).
  public init(communicator: Communicator, elementCount: Int, maximumMessageLength: Int = 1 << 28) {
    precondition(elementCount >= 0 && maximumMessageLength >= 1 && maximumMessageLength <= Int(Int32.max))
    self.communicator = communicator
    self.elementCount = elementCount
    self.maximumMessageLength = maximumMessageLength
    pending = PendingRequests(communicator, capacity: 8 * communicator.worldSize)
    received = .allocate(capacity: 0)
  }

  deinit { UnsafeMutableRawPointer(received).deallocate() }

  /// The leaf ranges that this rank must pass to `reduce`: those of `LeafFold.nodeRanges`.
  public func ownNodes(leafCount: Int) -> [Range<Int>] {
    let plan = plan(leafCount: leafCount)
    return Array(plan.nodes[plan.nodesOfRank[communicator.rank]])
  }

  /// Reduces a completed fold; overwrites the fold's buffers, so `recycle` it afterwards.
  public func reduce(_ fold: LeafFold, into result: UnsafeMutablePointer<Float>, step: Int) throws {
    let nodes = fold.nodeRanges.indices.map { fold.node($0) }
    try reduce(nodes: nodes, leafCount: fold.leafCount, into: result, step: step)
  }

  /// result = tree(0, leafCount) on every rank.
  ///
  /// - Parameters:
  ///   - nodes: N floats for each of `ownNodes`, in order; overwritten as scratch.
  ///   - result: N floats that overlap no node.
  /// - Throws: `RuntimeFailure` naming the ranks that stay silent.
  public func reduce(
    nodes: [UnsafeMutablePointer<Float>], leafCount: Int, into result: UnsafeMutablePointer<Float>, step: Int
  ) throws {
    Heartbeat.enter(.exchange, step: step)
    let rank = communicator.rank
    let plan = plan(leafCount: leafCount)
    precondition(nodes.count == plan.nodesOfRank[rank].count, "nodes are not those of this rank")
    let slice = plan.slices[rank]
    locateParts(plan, own: nodes)
    pending.removeAll()

    // Post all receives first, for both halves: a message that finds its buffer is not copied twice.
    var missing = 0
    for peer in peersInOrder {
      for node in plan.nodesOfRank[peer] {
        try forEachMessage(of: slice.count) { offset, count in
          try pending.receive(
            parts[node] + offset, count: count, type: mpi_float(), from: peer, .nodeSlice)
          missing += 1
        }
      }
    }
    for peer in peersInOrder {
      try forEachMessage(of: plan.slices[peer].count) { offset, count in
        try pending.receive(
          result + plan.slices[peer].lowerBound + offset, count: count, type: mpi_float(), from: peer,
          .finishedSlice)
      }
    }
    for peer in peersInOrder {
      for node in nodes {
        try forEachMessage(of: plan.slices[peer].count) { offset, count in
          try pending.send(
            node + plan.slices[peer].lowerBound + offset, count: count, type: mpi_float(), to: peer,
            .nodeSlice)
        }
      }
    }
    try pending.wait(
      isFinished: { missing == 0 },
      onCompletion: { entry in
        if entry.isReceive && entry.kind == .nodeSlice { missing -= 1 }
      })
    parts.withUnsafeBufferPointer {
      plan.finish(parts: $0.baseAddress!, count: slice.count, into: result + slice.lowerBound)
    }
    for peer in peersInOrder {
      try forEachMessage(of: slice.count) { offset, count in
        try pending.send(
          result + slice.lowerBound + offset, count: count, type: mpi_float(), to: peer, .finishedSlice)
      }
    }
    try pending.wait()
    pending.removeAll()
  }

  /// The other ranks, starting with the next one, so that not all ranks send to rank 0 first.
  private var peersInOrder: some Sequence<Int> {
    (1..<max(1, communicator.worldSize)).lazy.map { [communicator] distance in
      (communicator.rank + distance) % communicator.worldSize
    }
  }

  /// Points `parts` at own nodes inside the fold's buffers and at the receive buffer for all others.
  private func locateParts(_ plan: ExchangeLayout, own: [UnsafeMutablePointer<Float>]) {
    let ownRange = plan.nodesOfRank[communicator.rank]
    let slice = plan.slices[communicator.rank]
    let padded = (slice.count + 15) / 16 * 16
    reserve((plan.nodes.count - ownRange.count) * padded)
    parts.removeAll(keepingCapacity: true)
    var next = received
    for node in plan.nodes.indices {
      if ownRange.contains(node) {
        parts.append(own[node - ownRange.lowerBound] + slice.lowerBound)
      } else {
        parts.append(next)
        next += padded
      }
    }
  }

  private func reserve(_ count: Int) {
    guard count > receivedCapacity else { return }
    UnsafeMutableRawPointer(received).deallocate()
    received = LentBuffer(capacity: count).pointer
    receivedCapacity = count
  }

  private func plan(leafCount: Int) -> ExchangeLayout {
    if let plan = plans[leafCount] { return plan }
    let plan = ExchangeLayout(
      leafCount: leafCount, worldSize: communicator.worldSize, elementCount: elementCount)
    plans[leafCount] = plan
    return plan
  }

  private func forEachMessage(
    of count: Int, _ body: (_ offset: Int, _ count: Int) throws -> Void
  ) rethrows {
    var offset = 0
    while offset < count {
      try body(offset, min(maximumMessageLength, count - offset))
      offset += maximumMessageLength
    }
  }
}
