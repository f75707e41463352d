// Work on every rank and bytes from rank 0 to some, as corpora travel.

import DataParallel
import Glibc
import Platform

/// Every rank works for `seconds` on a thread, twice the hang timeout; rank `failing` finds its input bad, if given.
func workEverywhere(_ communicator: Communicator, seconds: Double, failing: Int?) throws {
  communicator.hangTimeout = max(0.5, seconds / 2)
  let rank = communicator.rank
  let wait = EachWait(progress: { "rank \(rank) at work" })
  let result = try communicator.eachWork(
    wait,
    rank == 1
      ? nil
      : { () -> Int in
        if rank == failing { throw InvalidInput("rank \(rank) has a bad file") }
        usleep(UInt32(seconds * 1e6))
        return rank
      })
  guard result == (rank == 1 ? nil : rank) else {
    throw RuntimeFailure("work of another rank: \(result ?? -1)")
  }
  if communicator.isRoot { print("all have worked") }
}

/// Rank 0 sends known bytes to every second rank; `failing` cannot write them, if given.
func streamKnownBytes(_ communicator: Communicator, count: Int, failing: Int?) throws {
  func byte(_ position: Int) -> UInt8 { UInt8(truncatingIfNeeded: position &* 131 ^ position >> 9) }
  let receivers = (1..<communicator.worldSize).filter { $0 % 2 == 1 }
  var (received, isRight) = (0, true)
  try communicator.stream(
    count: count, to: receivers, progress: { "sending: \($0)" }, isAskedToStop: { false },
    read: { offset, memory in
      for index in memory.indices { memory[index] = byte(offset + index) }
    },
    write: { bytes in
      if communicator.rank == failing, received > count / 2 {
        throw InvalidInput("the disk of a rank is full")
      }
      isRight = isRight && bytes.indices.allSatisfy { bytes[$0] == byte(received + $0) }
      received += bytes.count
    })
  let isReceiver = receivers.contains(communicator.rank)
  guard isRight, received == (isReceiver ? count : 0) else {
    throw RuntimeFailure("rank \(communicator.rank) has \(received) bytes, right: \(isRight)")
  }
  try communicator.barrier()
  if communicator.isRoot { print("all have \(count) bytes") }
}
