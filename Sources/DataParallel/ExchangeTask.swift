// One rank's work on one piece of a gradient: what it adds, sends and receives, step by step. Sends nothing itself.

import Reduction

/// The state of a piece that this rank handles for its host.
struct ExchangeTask {
  enum Stage {
    /// Until all ranks of the host have their nodes.
    case waitingForHost
    /// As the piece's owner: until the other hosts' nodes are there.
    case waitingForNodes
    /// As any other: until the owner has sent the sum.
    case waitingForSum
    case done
  }

  /// `count` elements to or from a rank, in the format that is sent.
  struct Transfer {
    let peer: Int
    let kind: MessageKind
    let buffer: UnsafeMutableRawPointer
    /// Where the elements come from or go, if the format is another one.
    let floats: UnsafeMutablePointer<Float>
  }

  let bucket: Int
  /// The same on all ranks that handle the piece.
  let subject: Int
  /// Elements of the piece.
  let count: Int
  private(set) var stage = Stage.done
  let receives: [Transfer]
  private let nodeSends: [Transfer]
  private let sumSends: [Transfer]
  private let isOwner: Bool
  private let hasOtherHosts: Bool
  private let precision: ReductionPrecision
  private let onHost: NodeSums
  private let acrossHosts: NodeSums
  /// This piece of the nodes of the host's ranks, and of all hosts' nodes.
  private let parts: [UnsafeMutablePointer<Float>]
  private let nodes: [UnsafeMutablePointer<Float>]
  private let sum: UnsafeMutablePointer<Float>
  private let messageCount: Int
  private var missing = 0
  /// Keeps what is received or converted.
  private let storage: Storage

  init(
    _ piece: ReductionPlan.Piece, bucket: Int, subject: Int, plan: ReductionPlan, host: Int,
    arena: ExchangeArena,
    precision: ReductionPrecision, maximumMessageLength: Int
  ) {
    let (first, count) = (piece.elements.lowerBound, piece.elements.count)
    let storage = Storage()
    self.storage = storage
    self.bucket = bucket
    self.subject = subject
    self.count = count
    self.precision = precision
    isOwner = piece.owner == host
    hasOtherHosts = plan.layout.hosts.count > 1
    onHost = plan.onHost[host]
    acrossHosts = plan.acrossHosts
    messageCount = (count + maximumMessageLength - 1) / maximumMessageLength
    let sum = arena.sum + first
    self.sum = sum
    let parts = arena.nodes.flatMap { $0 }.map { $0 + first }
    self.parts = parts

    func transfer(_ peer: Int, _ kind: MessageKind, _ floats: UnsafeMutablePointer<Float>) -> Transfer {
      let buffer = precision == .float32 ? UnsafeMutableRawPointer(floats) : storage.words(count)
      return Transfer(peer: peer, kind: kind, buffer: buffer, floats: floats)
    }
    var (receives, nodeSends): ([Transfer], [Transfer]) = ([], [])
    var nodes: [UnsafeMutablePointer<Float>] = []
    for other in plan.layout.hosts.indices {
      let peer = piece.handlers[other]
      if other == host {
        nodes += plan.onHost[host].places.map { parts[$0] }
      } else if isOwner {
        for _ in plan.indicesOfHost[other] {
          let floats = storage.floats(count)
          nodes.append(floats)
          receives.append(transfer(peer, .node, floats))
        }
      }
    }
    if isOwner {
      let others = plan.layout.hosts.indices.filter { $0 != host }
      let buffer = others.isEmpty ? nil : transfer(piece.handlers[others[0]], .sum, sum)
      // All get the same bytes.
      sumSends = others.map {
        Transfer(peer: piece.handlers[$0], kind: .sum, buffer: buffer!.buffer, floats: sum)
      }
    } else {
      let owner = piece.handlers[piece.owner]
      nodeSends = nodes.map { transfer(owner, .node, $0) }
      receives = [transfer(owner, .sum, sum)]
      sumSends = []
    }
    self.nodes = nodes
    self.receives = receives
    self.nodeSends = nodeSends
  }

  mutating func begin() {
    stage = .waitingForHost
    missing = receives.count * messageCount
  }

  /// All ranks of this host have their nodes.
  /// - Returns: what is now to be sent.
  mutating func hostIsReady() -> [Transfer] {
    if !hasOtherHosts {
      onHost.run(parts: parts, count: count, precision: precision, into: sum)
      stage = .done
      return []
    }
    onHost.run(parts: parts, count: count, precision: precision)
    if isOwner {
      stage = .waitingForNodes
      return missing == 0 ? finishTree() : []
    }
    stage = .waitingForSum
    if missing == 0 { receiveSum() }
    return packed(nodeSends)
  }

  /// A message has arrived.
  /// - Returns: what is now to be sent.
  mutating func arrived() -> [Transfer] {
    missing -= 1
    guard missing == 0 else { return [] }
    switch stage {
    case .waitingForNodes: return finishTree()
    case .waitingForSum: receiveSum()
    case .waitingForHost, .done: break
    }
    return []
  }

  private mutating func finishTree() -> [Transfer] {
    unpack(receives)
    acrossHosts.run(parts: nodes, count: count, precision: precision, into: sum)
    stage = .done
    return packed(sumSends)
  }

  private mutating func receiveSum() {
    unpack(receives)
    stage = .done
  }

  private func packed(_ transfers: [Transfer]) -> [Transfer] {
    guard precision == .bfloat16 else { return transfers }
    var done: UnsafeMutableRawPointer?
    for transfer in transfers where transfer.buffer != done {
      BFloat16.pack(
        transfer.floats, into: transfer.buffer.assumingMemoryBound(to: UInt16.self), count: count)
      done = transfer.buffer
    }
    return transfers
  }

  private func unpack(_ transfers: [Transfer]) {
    guard precision == .bfloat16 else { return }
    for transfer in transfers {
      BFloat16.unpack(
        transfer.buffer.assumingMemoryBound(to: UInt16.self), into: transfer.floats, count: count)
    }
  }

  /// Memory that goes with the task.
  private final class Storage {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { for block in blocks { block.deallocate() } }

    func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
      block(4 * count).bindMemory(to: Float.self, capacity: count)
    }

    func words(_ count: Int) -> UnsafeMutableRawPointer {
      let block = block(2 * count)
      block.bindMemory(to: UInt16.self, capacity: count)
      return block
    }

    private func block(_ byteCount: Int) -> UnsafeMutableRawPointer {
      let block = UnsafeMutableRawPointer.allocate(byteCount: max(64, byteCount), alignment: 64)
      blocks.append(block)
      return block
    }
  }
}
