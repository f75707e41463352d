// Where the ranks of a host keep what they exchange: nodes, sums, and how far each has come.

import Platform
import Reduction
import Synchronization

/// The memory of one gradient exchange, the same on all ranks of a host.
final class ExchangeArena {
  /// The sum of all leaves.
  let sum: UnsafeMutablePointer<Float>
  /// By member of the host, by node.
  let nodes: [[UnsafeMutablePointer<Float>]]
  private let bucketCount: Int
  private let flags: UnsafeMutablePointer<Atomic<Int>>
  private let flagsPerMember: Int
  private let memory: SharedMemory?
  private let base: UnsafeMutableRawPointer

  /// Floats allocated beyond a gradient, so that a vector load at the last element stays inside.
  private static let slack = 64

  /// A collective call of the host's ranks.
  init(plan: ReductionPlan, host: Int, elementCount: Int, bucketCount: Int, memory: SharedMemory?) throws {
    self.memory = memory
    self.bucketCount = bucketCount
    let ranks = plan.layout.hosts[host]
    // A cache line of its own for what one member writes and the others poll.
    flagsPerMember = (bucketCount + 1 + 7) / 8 * 8
    let flagBytes = Self.paged(ranks.count * flagsPerMember * MemoryLayout<Atomic<Int>>.stride)
    let gradientBytes = Self.paged((elementCount + Self.slack) * MemoryLayout<Float>.stride)
    let nodeCount = plan.foldsIntoSum ? 0 : ranks.reduce(0) { $0 + plan.nodesOfRank[$1].count }
    let byteCount = flagBytes + (1 + nodeCount) * gradientBytes
    base = try memory?.allocate(byteCount: byteCount) ?? SharedMemory.unshared(byteCount: byteCount)
    // Atomics are plain words of memory; zero is their initial value on all ranks.
    flags = base.bindMemory(to: Atomic<Int>.self, capacity: ranks.count * flagsPerMember)
    func gradient(_ index: Int, _ base: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Float> {
      (base + flagBytes + index * gradientBytes).bindMemory(
        to: Float.self, capacity: elementCount + Self.slack)
    }
    sum = gradient(0, base)
    var next = 0
    nodes = ranks.map { [base, sum] rank in
      plan.nodesOfRank[rank].map { _ in
        guard !plan.foldsIntoSum else { return sum }
        next += 1
        return gradient(next, base)
      }
    }
  }

  deinit { if memory == nil { base.deallocate() } }

  /// Says that this member's nodes have their bucket of this round, from any thread.
  func publish(bucket: Int, round: Int, member: Int) {
    flags[member * flagsPerMember + bucket].store(round, ordering: .releasing)
  }

  func hasPublished(bucket: Int, round: Int, member: Int) -> Bool {
    flags[member * flagsPerMember + bucket].load(ordering: .acquiring) >= round
  }

  /// Says that this member no longer reads nodes, and that its share of the sum is there.
  func finish(round: Int, member: Int) { publish(bucket: bucketCount, round: round, member: member) }

  func hasFinished(round: Int, member: Int) -> Bool {
    hasPublished(bucket: bucketCount, round: round, member: member)
  }

  private static func paged(_ bytes: Int) -> Int {
    (bytes + SharedMemory.pageSize - 1) / SharedMemory.pageSize * SharedMemory.pageSize
  }
}
