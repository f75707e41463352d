// The sum of all ranks' leaves, bit for bit that of the canonical tree: the ranks of a host finish its nodes in
// shared memory, and one copy of each crosses the wire. Point-to-point messages and polling, so that a missing rank
// can be named; the order of arrival never matters.

import COpenMPI
import Liveness
import Platform
import Reduction

/// Reduces flat gradients across ranks along the canonical tree, for any number of ranks, hosts and leaves.
///
/// A round has buckets, parts of the gradient that are exchanged independently: `publish` says that this rank's nodes
/// have a bucket, `progress` does what can be done without waiting, `finish` the rest.
public final class GradientExchange {
  /// Floats of a bucket that is worth messages of its own.
  public static let smallestBucket = 1 << 16

  public let plan: ReductionPlan
  public let elementCount: Int
  public let precision: ReductionPrecision
  public let buckets: [Range<Int>]
  /// The sum of all leaves, `elementCount` floats. On all ranks of a host the same memory: after `finish` it is only
  /// read, until this rank's next round.
  public let sum: UnsafeMutablePointer<Float>
  private let communicator: Communicator
  private let maximumMessageLength: Int
  private let pending: PendingRequests
  private let arena: ExchangeArena
  private let member: Int
  private let ranksOfHost: [Int]
  private var tasks: [ExchangeTask]
  private let taskOfSubject: [Int: Int]
  private var round = 0
  /// Whether a round has begun and not ended.
  public private(set) var isUnderWay = false
  private var openTasks = 0

  /// A collective call.
  ///
  /// - Parameters:
  ///   - elementCount: floats in one gradient, N; need not be a multiple of anything.
  ///   - leafCount: leaves of a step.
  ///   - buckets: covers the elements in the order in which they are finished; boundaries are multiples of 16.
  ///   - maximumMessageLength: longer transfers are cut into messages of this many floats (MPI counts are Int32).
  /// - Throws: `RuntimeFailure` if the ranks of a host cannot have the memory they share.
  public init(
    communicator: Communicator, elementCount: Int, leafCount: Int, buckets: [Range<Int>]? = nil,
    precision: ReductionPrecision = .float32, maximumMessageLength: Int = 1 << 28
  ) throws {
    precondition(elementCount >= 0 && maximumMessageLength >= 1 && maximumMessageLength <= Int(Int32.max))
    self.communicator = communicator
    self.elementCount = elementCount
    self.precision = precision
    let maximumMessageLength = EagerMessages.length(
      elementCount: elementCount, bytesEach: precision.byteCount, atMost: maximumMessageLength)
    self.maximumMessageLength = maximumMessageLength
    let buckets = buckets ?? [0..<elementCount]
    self.buckets = buckets
    let plan = ReductionPlan(leafCount: leafCount, layout: communicator.layout)
    self.plan = plan
    let host = plan.layout.host(of: communicator.rank)
    member = plan.layout.member(of: communicator.rank)
    ranksOfHost = plan.layout.hosts[host]
    let arena = try communicator.together {
      try ExchangeArena(
        plan: plan, host: host, elementCount: elementCount, bucketCount: buckets.count,
        memory: communicator.sharedMemory)
    }
    self.arena = arena
    sum = arena.sum
    tasks = []
    var subject = 0
    for bucket in buckets.indices {
      for piece in plan.pieces(of: buckets[bucket]) {
        if piece.handlers[host] == communicator.rank {
          tasks.append(
            ExchangeTask(
              piece, bucket: bucket, subject: subject, plan: plan, host: host, arena: arena,
              precision: precision,
              maximumMessageLength: maximumMessageLength))
        }
        subject += 1
      }
    }
    taskOfSubject = Dictionary(uniqueKeysWithValues: tasks.enumerated().map { ($1.subject, $0) })
    pending = PendingRequests(communicator, capacity: 8 * communicator.worldSize)
  }

  /// Where this rank's nodes belong: `elementCount` floats for each of its maximal nodes.
  public var nodes: [UnsafeMutablePointer<Float>] { arena.nodes[member] }

  /// A fold of this rank's leaves into `nodes`.
  /// - Parameter threads: how many leaves are computed at a time.
  public func makeFold(threads: Int) -> LeafFold {
    LeafFold(
      leafCount: plan.leafCount, interval: plan.intervals[communicator.rank], elementCount: elementCount,
      threads: threads, destinations: nodes, buckets: buckets, precision: precision)
  }

  /// Begins a round, before any of its buckets is published: a message that finds its buffer is not copied twice.
  public func begin() throws {
    guard !isUnderWay else { return }
    isUnderWay = true
    round += 1
    pending.removeAll()
    openTasks = tasks.count
    for index in tasks.indices {
      tasks[index].begin()
      let task = tasks[index]
      for transfer in task.receives { try post(transfer, of: task, isReceive: true) }
    }
  }

  /// Says that this rank's nodes have `bucket`. The only call that any thread may make.
  public func publish(_ bucket: Int) { arena.publish(bucket: bucket, round: round, member: member) }

  /// Does what can be done without waiting, with the buckets that all ranks of this host have published.
  /// - Returns: whether anything moved.
  @discardableResult
  public func progress() throws -> Bool {
    var moved = try pending.poll { entry in
      guard entry.isReceive, let index = taskOfSubject[entry.subject] else { return }
      try advance(index, by: { $0.arrived() })
    }
    for index in tasks.indices where tasks[index].stage == .waitingForHost {
      let bucket = tasks[index].bucket
      guard ranksOfHost.indices.allSatisfy({ arena.hasPublished(bucket: bucket, round: round, member: $0) })
      else { continue }
      moved = true
      try advance(index, by: { $0.hostIsReady() })
    }
    return moved
  }

  /// Ends the round: `sum` is then that of all leaves, on every rank.
  /// - Throws: `LostPeer` naming the ranks that have died or stay silent.
  public func finish(step: Int) throws {
    Heartbeat.enter(.exchange, step: step)
    var patience = Patience(communicator)
    while openTasks > 0 || !pending.isEmpty {
      if try progress() {
        patience.reset()
      } else {
        try patience.pause { silentRanks }
      }
    }
    arena.finish(round: round, member: member)
    patience.reset()
    while !unfinishedMembers.isEmpty {
      try patience.pause { unfinishedMembers.map { ranksOfHost[$0] } }
    }
    isUnderWay = false
  }

  /// The whole round, or the rest of one that has begun, for nodes that are finished.
  public func reduce(step: Int) throws {
    try begin()
    for bucket in buckets.indices { publish(bucket) }
    try finish(step: step)
  }

  private var unfinishedMembers: [Int] {
    ranksOfHost.indices.filter { !arena.hasFinished(round: round, member: $0) }
  }

  /// Ranks of this host that have not published, else those that owe a message.
  private var silentRanks: [Int] {
    let waiting = tasks.filter { $0.stage == .waitingForHost }.map(\.bucket)
    let members = ranksOfHost.indices.filter { member in
      waiting.contains { !arena.hasPublished(bucket: $0, round: round, member: member) }
    }
    return members.isEmpty ? pending.silentPeers : members.map { ranksOfHost[$0] }
  }

  private func advance(_ index: Int, by move: (inout ExchangeTask) -> [ExchangeTask.Transfer]) throws {
    let transfers = move(&tasks[index])
    for transfer in transfers { try post(transfer, of: tasks[index], isReceive: false) }
    if tasks[index].stage == .done { openTasks -= 1 }
  }

  private func post(_ transfer: ExchangeTask.Transfer, of task: ExchangeTask, isReceive: Bool) throws {
    let type: MPI_Datatype = precision == .float32 ? mpi_float() : mpi_uint16()
    var offset = 0
    // An empty piece is not sent at all.
    while offset < task.count {
      let length = min(maximumMessageLength, task.count - offset)
      let buffer = transfer.buffer + offset * precision.byteCount
      if isReceive {
        try pending.receive(
          buffer, count: length, type: type, from: transfer.peer, transfer.kind, subject: task.subject)
      } else {
        try pending.send(
          buffer, count: length, type: type, to: transfer.peer, transfer.kind, subject: task.subject)
      }
      offset += length
    }
  }
}
