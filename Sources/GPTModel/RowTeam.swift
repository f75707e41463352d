// Threads that share the products of one row, dozens of times a token, some tens of microseconds each: too short to wake
// a thread for, so they watch for the next one a while before they sleep.

import CTargetFeatures
import Foundation
import Platform
import Synchronization

/// Runs one piece of work at a time, in as many parts as it has threads, the caller's included.
final class RowTeam: @unchecked Sendable {
  /// What the threads share; it outlives the team until the last of them has ended.
  private final class Shared: @unchecked Sendable {
    /// Counts pieces of work; `ended` of them: no more come.
    let piece = Atomic<Int>(0)
    /// Parts of the current one that others have not finished.
    let unfinished = Atomic<Int>(0)
    /// Written before `piece` changes, read after it.
    var body: (Int) -> Void = { _ in }
    /// Guards `sleeping`.
    let condition = NSCondition()
    var sleeping = 0
  }

  private static let ended = Int.max
  /// How often a thread looks before it sleeps, some 40 cycles each time: longer than attention takes in between.
  private static let looks = 10_000

  let count: Int
  private let shared = Shared()
  private var piece = 0

  /// Of fewer threads where the system does not give so many.
  init(count wanted: Int) {
    var count = 1
    while count < wanted {
      let (part, shared) = (count, shared)
      guard (try? BackgroundThread(name: "row \(part)") { Self.work(shared, part: part) }) != nil else {
        break
      }
      count += 1
    }
    self.count = count
  }

  deinit { announce(Self.ended) }

  /// Calls `body(part)` for every part in 0..<count; returns when all are done.
  func run(_ body: (Int) -> Void) {
    guard count > 1 else { return body(0) }
    withoutActuallyEscaping(body) { body in
      shared.body = body
      shared.unfinished.store(count - 1, ordering: .relaxed)
      piece += 1
      announce(piece)
      body(0)
      var looks = 0
      while shared.unfinished.load(ordering: .acquiring) > 0 {
        looks += 1
        // Somebody else may need the processor that the last part is to run on.
        if looks < Self.looks { target_pause() } else { sched_yield() }
      }
      shared.body = { _ in }
    }
  }

  private func announce(_ piece: Int) {
    shared.piece.store(piece, ordering: .releasing)
    // Whoever is about to sleep looks once more, with the lock.
    shared.condition.withLock { if shared.sleeping > 0 { shared.condition.broadcast() } }
  }

  private static func work(_ shared: Shared, part: Int) {
    var last = 0
    while true {
      var looks = 0
      while shared.piece.load(ordering: .acquiring) == last {
        looks += 1
        guard looks > Self.looks else {
          target_pause()
          continue
        }
        shared.condition.withLock {
          shared.sleeping += 1
          while shared.piece.load(ordering: .acquiring) == last { shared.condition.wait() }
          shared.sleeping -= 1
        }
      }
      last = shared.piece.load(ordering: .acquiring)
      if last == ended { return }
      shared.body(part)
      shared.unfinished.wrappingSubtract(1, ordering: .releasing)
    }
  }
}
