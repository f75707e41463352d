// Non-blocking sends and receives in progress, each with its peer, and the one loop that waits for them.

import COpenMPI
import Platform

/// What a message is for; ranks post messages of one kind in the same order, so MPI matches them in order.
enum MessageKind: Int32 {
  case record = 1
  case nodeSlice = 2
  case finishedSlice = 3
  case byteCount = 4
  case bytes = 5
  case barrier = 6
}

final class PendingRequests {
  private unowned let communicator: Communicator
  private var requests: UnsafeMutablePointer<MPI_Request?>
  private var completed: UnsafeMutablePointer<Int32>
  private var capacity: Int
  /// By request.
  private var entries: [Entry] = []

  struct Entry {
    let peer: Int
    let kind: MessageKind
    let isReceive: Bool
    var isDone = false
  }

  init(_ communicator: Communicator, capacity: Int = 16) {
    self.communicator = communicator
    self.capacity = max(1, capacity)
    requests = .allocate(capacity: self.capacity)
    completed = .allocate(capacity: self.capacity)
    entries.reserveCapacity(self.capacity)
  }

  deinit {
    requests.deallocate()
    completed.deallocate()
  }

  /// Forgets the finished requests of the last exchange.
  func removeAll() {
    precondition(entries.allSatisfy(\.isDone), "requests are still under way")
    entries.removeAll(keepingCapacity: true)
  }

  func receive(
    _ buffer: UnsafeMutableRawPointer?, count: Int, type: MPI_Datatype, from peer: Int, _ kind: MessageKind
  ) throws {
    let slot = nextSlot()
    try MPIStatus.check(
      MPI_Irecv(
        buffer, Int32(count), type, Int32(peer), kind.rawValue, communicator.handle, requests + slot),
      "MPI_Irecv")
    entries.append(Entry(peer: peer, kind: kind, isReceive: true))
  }

  func send(
    _ buffer: UnsafeRawPointer?, count: Int, type: MPI_Datatype, to peer: Int, _ kind: MessageKind
  ) throws {
    let slot = nextSlot()
    try MPIStatus.check(
      MPI_Isend(
        buffer, Int32(count), type, Int32(peer), kind.rawValue, communicator.handle, requests + slot),
      "MPI_Isend")
    entries.append(Entry(peer: peer, kind: kind, isReceive: false))
  }

  /// Starts and registers a collective request; `peer` is the rank to name if it never completes.
  func collective(peer: Int, start: (UnsafeMutablePointer<MPI_Request?>) throws -> Void) throws {
    let slot = nextSlot()
    try start(requests + slot)
    entries.append(Entry(peer: peer, kind: .bytes, isReceive: true))
  }

  /// Polls until `isFinished` or nothing is pending, calling `onCompletion` for each completed request.
  ///
  /// - Throws: `LostPeer` naming the ranks that have died, or have been silent for the hang timeout.
  func wait(
    isFinished: () -> Bool = { false }, onCompletion: (Entry) throws -> Void = { _ in }
  ) throws {
    // Also spares a single rank, which never started MPI, any MPI call.
    guard !entries.isEmpty else { return }
    var patience = Patience(ranksPerProcessor: communicator.ranksPerProcessor)
    while !isFinished() {
      var count: Int32 = 0
      do {
        try MPIStatus.check(
          MPI_Testsome(Int32(entries.count), requests, &count, completed, mpi_statuses_ignore()),
          "MPI_Testsome")
      } catch {
        // Nothing else makes a message fail that was accepted.
        throw LostPeer(description: "the connection to a rank is lost: \(error)")
      }
      if count == MPI_UNDEFINED { return }
      if count > 0 {
        for position in 0..<Int(count) {
          let index = Int(completed[position])
          entries[index].isDone = true
          try onCompletion(entries[index])
        }
        patience.reset()
      } else {
        patience.pause()
        if patience.isTimeToLook,
          let loss = communicator.loss(among: silentPeers, after: patience.clock.seconds)
        {
          throw loss
        }
      }
    }
  }

  /// The peers that owe a message; if none does, those that have not taken ours.
  private var silentPeers: [Int] {
    let open = entries.filter { !$0.isDone }
    let owing = open.filter(\.isReceive)
    return Set((owing.isEmpty ? open : owing).map(\.peer)).sorted()
  }

  private func nextSlot() -> Int {
    if entries.count == capacity {
      let larger = capacity * 2
      let moved = UnsafeMutablePointer<MPI_Request?>.allocate(capacity: larger)
      moved.moveInitialize(from: requests, count: capacity)
      requests.deallocate()
      completed.deallocate()
      requests = moved
      completed = .allocate(capacity: larger)
      capacity = larger
    }
    (requests + entries.count).initialize(to: nil)
    return entries.count
  }
}
