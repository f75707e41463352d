// The threads of one rank. Which thread does which piece never affects the result.

import Dispatch
import Synchronization

/// Runs numbered pieces of work on up to `count` threads, including the caller's.
public struct ThreadTeam: Sendable {
  public let count: Int

  public init(count: Int) {
    precondition(count >= 1)
    self.count = count
  }

  /// Calls `body(piece, thread)` for every piece in 0..<pieces; returns when all are done.
  ///
  /// Pieces are taken in order; no two run at the same time with the same `thread` in 0..<count.
  public func run(_ pieces: Int, _ body: @Sendable (_ piece: Int, _ thread: Int) -> Void) {
    let threads = min(count, pieces)
    guard threads > 1 else {
      for piece in 0..<pieces { body(piece, 0) }
      return
    }
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      while true {
        let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard piece < pieces else { return }
        body(piece, thread)
      }
    }
  }
}
