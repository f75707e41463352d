// Many bytes from rank 0 to a few ranks, in bounded pieces: one of each host that lacks a file. All other ranks wait,
// and know that it goes on.

import COpenMPI
import Platform
import TerminalDisplay

extension Communicator {
  /// Bytes of a piece: the first ones show how fast the wire is; one of the largest takes no fifth of the interval
  /// between two signs of life.
  private static let pieceBytes = (first: 64 << 10, largest: 4 << 20)

  /// Sends `count` bytes to `receivers`; all ranks call it.
  ///
  /// - Parameters:
  ///   - receivers: without rank 0; the same on all ranks.
  ///   - progress: for a line, in words.
  ///   - read: on rank 0: fills the memory with the bytes from an offset on.
  ///   - write: on receivers: takes the next bytes.
  /// - Throws: `AgreedFailure` with the error of `read` or `write` on the first rank that failed, `PeerFailure` on
  ///   the others; the same with `Interruption` if a rank is asked to stop.
  public func stream(
    count total: Int, to receivers: [Int], progress: (_ done: Int) -> String, isAskedToStop: () -> Bool,
    read: (Int, UnsafeMutableRawBufferPointer) throws -> Void, write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard !receivers.isEmpty else { return }
    waitsLong = true
    defer { waitsLong = false }
    let isMember = isRoot || receivers.contains(rank)
    // Only they carry the bytes, on the library's own tree.
    var members: MPI_Comm?
    try MPIStatus.check(
      MPI_Comm_split(handle, isMember ? 0 : Int32(MPI_UNDEFINED), Int32(rank), &members), "MPI_Comm_split")
    var failure: (any Error)?
    let activity = isRoot ? Activity.begin("") : nil
    defer { activity?.end() }
    var isFinished = false
    var done = 0
    var size = Self.pieceBytes.first
    var sinceSign = CappedClock()
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: isMember ? Self.pieceBytes.largest : 1, alignment: 64)
    defer { memory.deallocate() }
    while !isFinished {
      var hasSign = true
      if isMember {
        // How many bytes, and whether all ranks meet afterwards.
        var head = [0, 0]
        if isRoot {
          let next = failure == nil ? min(size, total - done) : 0
          do { try read(done, UnsafeMutableRawBufferPointer(rebasing: memory[0..<next])) } catch {
            failure = error
          }
          sinceSign.tick()
          let isDue = sinceSign.seconds > signInterval || done + next == total || failure != nil
          head = [next, isDue ? 1 : 0]
        }
        let started = monotonicSeconds()
        try head.withUnsafeMutableBytes { try broadcast($0, within: members, isRoot ? receivers[0] : 0) }
        let piece = UnsafeMutableRawBufferPointer(rebasing: memory[0..<head[0]])
        try broadcast(piece, within: members, isRoot ? receivers[0] : 0)
        let seconds = monotonicSeconds() - started
        if seconds < signInterval / 20 { size = min(size * 2, Self.pieceBytes.largest) }
        if seconds > signInterval / 5 { size = max(size / 2, 4096) }
        if !isRoot, failure == nil {
          do { try write(UnsafeRawBufferPointer(piece)) } catch { failure = error }
        }
        done += head[0]
        hasSign = head[1] == 1
      }
      guard hasSign else { continue }
      isFinished = try meet(failure, isDone: isMember && done == total, isAskedToStop())
      sinceSign.reset()
      activity?.say(progress(done), isCounted: true)
    }
    if isMember { try MPIStatus.check(MPI_Comm_free(&members), "MPI_Comm_free") }
  }

  /// - Returns: whether rank 0 has sent everything.
  private func meet(_ failure: (any Error)?, isDone: Bool, _ isAskedToStop: Bool) throws -> Bool {
    var sign = WorkSign()
    sign.isDone = isDone
    sign.isAskedToStop = isAskedToStop
    if let failure { sign.status = UInt8(truncatingIfNeeded: ExitStatus.of(failure)) }
    let signs = try allgather(sign.bytes).map(WorkSign.init(bytes:))
    let own = failure.map { Result<Void, any Error>.failure($0) }
    if let failure = self.failure(signs.map(\.status), own: own) { throw failure }
    if signs.contains(where: \.isAskedToStop) { throw agreed(Interruption()) }
    return signs[0].isDone
  }

  private func broadcast(_ bytes: UnsafeMutableRawBufferPointer, within members: MPI_Comm?, _ peer: Int)
    throws
  {
    guard bytes.count > 0 else { return }
    let pending = PendingRequests(self)
    try pending.collective(peer: peer) { request in
      try MPIStatus.check(
        MPI_Ibcast(bytes.baseAddress, Int32(bytes.count), mpi_byte(), 0, members, request), "MPI_Ibcast")
    }
    try pending.wait()
    pending.removeAll()
  }
}
