// How a rank waits for another: by polling, never blocking, so that it can say for whom and how long.

import Glibc
import Platform

/// One wait: what to do between two polls that found nothing, and when to give up.
struct Patience {
  /// A whole exchange of a small model takes this long: yielding the core sooner costs more (a scheduler's
  /// time slice) than it gains.
  private static let spinSeconds = 2e-3
  /// Beyond this the peer is busy, not about to answer: leave the core to working threads.
  private static let drowsySeconds = 0.5
  /// Between two looks at those that are waited for.
  private static let lookSeconds = 0.1
  private let spins: Bool
  private var nextLook = Self.lookSeconds
  private(set) var clock = CappedClock()

  /// - Parameter spins: whether every rank of this host has a core of its own.
  init(spins: Bool) { self.spins = spins }

  mutating func pause() {
    Heartbeat.beat()
    clock.tick()
    if clock.seconds > Self.drowsySeconds {
      usleep(50)
    } else if !spins || clock.seconds > Self.spinSeconds {
      sched_yield()
    }
  }

  /// True ten times a second.
  var isTimeToLook: Bool {
    mutating get {
      guard clock.seconds > nextLook else { return false }
      nextLook = clock.seconds + Self.lookSeconds
      return true
    }
  }

  mutating func reset() {
    clock.reset()
    nextLook = Self.lookSeconds
  }
}
