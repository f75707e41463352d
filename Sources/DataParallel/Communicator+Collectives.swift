// Collectives outside the steady state: start-up agreement, checkpoints to resume from, barriers.
// Deliberately simple: every rank talks to every other directly, so that a missing one can be named.

import COpenMPI
import Platform

extension Communicator {
  /// MPI counts are Int32; longer transfers are cut into buckets of this many bytes.
  private static let bucketBytes = 1 << 30

  /// Copies `bytes` of `root` into `bytes` of every other rank; all ranks pass the same length.
  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int = 0) throws {
    guard worldSize > 1 else { return }
    let pending = PendingRequests(self)
    for start in stride(from: 0, to: bytes.count, by: Self.bucketBytes) {
      let count = min(Self.bucketBytes, bytes.count - start)
      pending.removeAll()
      try pending.collective(peer: rank == root ? (root + 1) % worldSize : root) { request in
        try MPIStatus.check(
          MPI_Ibcast(
            bytes.baseAddress! + start, Int32(count), mpi_byte(), Int32(root), handle, request),
          "MPI_Ibcast")
      }
      try pending.wait()
    }
  }

  /// Copies the elements of `root`'s array into the arrays of all ranks, which must have the same count.
  public func broadcast<T: BitwiseCopyable>(_ array: inout [T], root: Int = 0) throws {
    try array.withUnsafeMutableBytes { try broadcast($0, root: root) }
  }

  /// Gives every rank the records of all ranks; records may differ in length.
  public func allgather(_ record: [UInt8]) throws -> [[UInt8]] {
    guard worldSize > 1 else { return [record] }
    let others = (0..<worldSize).filter { $0 != rank }
    let pending = PendingRequests(self, capacity: 2 * worldSize)
    let counts = UnsafeMutablePointer<UInt64>.allocate(capacity: worldSize)
    defer { counts.deallocate() }
    counts.initialize(repeating: UInt64(record.count), count: worldSize)
    for peer in others {
      try pending.receive(counts + peer, count: 1, type: mpi_uint64(), from: peer, .byteCount)
    }
    for peer in others {
      try pending.send(counts + rank, count: 1, type: mpi_uint64(), to: peer, .byteCount)
    }
    try pending.wait()
    pending.removeAll()

    let starts = (0..<worldSize).reduce(into: [0]) { $0.append($0.last! + Int(counts[$1])) }
    let total = UnsafeMutableRawPointer.allocate(byteCount: max(1, starts[worldSize]), alignment: 64)
    defer { total.deallocate() }
    record.withUnsafeBytes {
      (total + starts[rank]).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(total), byteCount: $0.count)
    }
    for peer in others {
      try forEachBucket(of: Int(counts[peer])) { start, count in
        try pending.receive(
          total + starts[peer] + start, count: count, type: mpi_byte(), from: peer, .bytes)
      }
    }
    for peer in others {
      try forEachBucket(of: record.count) { start, count in
        try pending.send(total + starts[rank] + start, count: count, type: mpi_byte(), to: peer, .bytes)
      }
    }
    try pending.wait()
    pending.removeAll()
    return (0..<worldSize).map { peer in
      Array(UnsafeRawBufferPointer(start: total + starts[peer], count: Int(counts[peer])))
    }
  }

  /// Returns when every rank has entered.
  public func barrier() throws {
    guard worldSize > 1 else { return }
    let pending = PendingRequests(self, capacity: 2 * worldSize)
    for peer in 0..<worldSize where peer != rank {
      try pending.receive(nil, count: 0, type: mpi_byte(), from: peer, .barrier)
      try pending.send(nil, count: 0, type: mpi_byte(), to: peer, .barrier)
    }
    try pending.wait()
    pending.removeAll()
  }

  /// MPI_Allreduce, blocking, in MPI's own order of additions: the yardstick for GradientExchange.
  package func libraryAllreduce(
    _ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, count: Int
  ) throws {
    precondition(count <= Int(Int32.max))
    guard let handle else { return output.update(from: input, count: count) }
    try MPIStatus.check(
      MPI_Allreduce(input, output, Int32(count), mpi_float(), mpi_sum(), handle), "MPI_Allreduce")
  }

  private func forEachBucket(of count: Int, _ body: (_ start: Int, _ count: Int) throws -> Void) rethrows {
    for start in stride(from: 0, to: count, by: Self.bucketBytes) {
      try body(start, min(Self.bucketBytes, count - start))
    }
  }
}
