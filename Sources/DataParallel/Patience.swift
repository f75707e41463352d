// How a rank waits for another: polling, never a blocking call, so that it can say for whom and for how long.

import Glibc

/// Seconds of the monotonic clock.
func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Adds up waiting time in increments of at most one second, so that a job which was stopped as a whole
/// (SIGSTOP, a suspended machine) and continued does not take the pause for a hung peer.
struct CappedClock {
  private(set) var seconds = 0.0
  private var last: Double

  init(now: Double = monotonicSeconds()) { last = now }

  mutating func tick(now: Double = monotonicSeconds()) {
    seconds += min(max(now - last, 0), 1)
    last = now
  }

  mutating func reset(now: Double = monotonicSeconds()) {
    seconds = 0
    last = now
  }
}

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
