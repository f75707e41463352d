// How a rank waits for another: polling, never a blocking call, so that it can say for whom and for how long.

import Glibc
import Platform

/// One wait: what to do between two polls that found nothing, and when to give up.
struct Patience {
  /// A whole exchange of a small model: within it, a core given away costs more (a scheduler's slice) than
  /// it gives.
  private static let spinSeconds = 2e-3
  /// Beyond this the peer is busy, not about to answer: leave the core to those who work.
  private static let drowsySeconds = 0.5
  private let spins: Bool
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

  mutating func reset() { clock.reset() }
}
