// Non-blocking sends and receives in progress, each with its peer, and the one loop that waits for them.

import COpenMPI
import Platform

/// What a message is for; ranks post messages of one kind and subject in the same order, so MPI matches them in order.
enum MessageKind: Int32, CaseIterable {
  case record = 1
  case node = 2
  case sum = 3
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
  private var openCount = 0
  /// Of the last poll.
  private var finished: [Entry] = []

  struct Entry {
    let peer: Int
    let kind: MessageKind
    /// Which of several things of this kind, the same number on both sides.
    let subject: Int
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
    precondition(isEmpty, "requests are still under way")
    entries.removeAll(keepingCapacity: true)
  }

  func receive(
    _ buffer: UnsafeMutableRawPointer?, count: Int, type: MPI_Datatype, from peer: Int, _ kind: MessageKind,
    subject: Int = 0
  ) throws {
    let slot = nextSlot()
    try MPIStatus.check(
      MPI_Irecv(
        buffer, Int32(count), type, Int32(peer), Self.tag(kind, subject), communicator.handle, requests + slot
      ),
      "MPI_Irecv")
    entries.append(Entry(peer: peer, kind: kind, subject: subject, isReceive: true))
  }

  func send(
    _ buffer: UnsafeRawPointer?, count: Int, type: MPI_Datatype, to peer: Int, _ kind: MessageKind,
    subject: Int = 0
  ) throws {
    let slot = nextSlot()
    try MPIStatus.check(
      MPI_Isend(
        buffer, Int32(count), type, Int32(peer), Self.tag(kind, subject), communicator.handle, requests + slot
      ),
      "MPI_Isend")
    entries.append(Entry(peer: peer, kind: kind, subject: subject, isReceive: false))
  }

  /// Starts and registers a collective request; `peer` is the rank to name if it never completes.
  func collective(peer: Int, start: (UnsafeMutablePointer<MPI_Request?>) throws -> Void) throws {
    let slot = nextSlot()
    try start(requests + slot)
    entries.append(Entry(peer: peer, kind: .bytes, subject: 0, isReceive: true))
  }

  /// Waits until nothing is pending.
  ///
  /// - Parameter meanwhile: something else that can move, and whether it has.
  /// - Throws: `LostPeer` naming the ranks that have died, or have been silent for the hang timeout.
  func wait(meanwhile: () throws -> Bool = { false }) throws {
    // Also spares a single rank, which never started MPI, any MPI call.
    guard !isEmpty else { return }
    var patience = Patience(communicator)
    while !isEmpty {
      let hasMoved = try meanwhile()
      if try poll() || hasMoved {
        patience.reset()
      } else {
        try patience.pause { silentPeers }
      }
    }
  }

  var isEmpty: Bool { openCount == 0 }

  /// Calls `onCompletion` for each request that has been completed since the last call.
  /// - Returns: whether there was any.
  /// - Throws: `LostPeer` if MPI has lost a connection.
  func poll(onCompletion: (Entry) throws -> Void = { _ in }) throws -> Bool {
    guard !isEmpty else { return false }
    var count: Int32 = 0
    do {
      try MPIStatus.check(
        MPI_Testsome(Int32(entries.count), requests, &count, completed, mpi_statuses_ignore()),
        "MPI_Testsome")
    } catch {
      // Nothing else makes a message fail that was accepted.
      throw LostPeer(description: "the connection to a rank is lost: \(error)")
    }
    guard count != MPI_UNDEFINED, count > 0 else { return false }
    finished.removeAll(keepingCapacity: true)
    for position in 0..<Int(count) {
      let index = Int(completed[position])
      entries[index].isDone = true
      finished.append(entries[index])
    }
    openCount -= finished.count
    // It may add requests.
    for entry in finished { try onCompletion(entry) }
    return true
  }

  /// The peers that owe a message; if none does, those that have not taken ours.
  var silentPeers: [Int] {
    let open = entries.filter { !$0.isDone }
    let owing = open.filter(\.isReceive)
    return Set((owing.isEmpty ? open : owing).map(\.peer)).sorted()
  }

  private static func tag(_ kind: MessageKind, _ subject: Int) -> Int32 {
    // MPI promises tags up to 32,767; OpenMPI has 31 bits.
    Int32(subject * 8) + kind.rawValue
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
    openCount += 1
    return entries.count
  }
}
