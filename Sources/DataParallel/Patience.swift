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
  private let spins: Bool
  private let isLong: Bool
  private(set) var clock = CappedClock()

  /// - Parameters:
  ///   - spins: whether every rank of this host has a core of its own.
  ///   - isLong: whether others need the cores from the beginning.
  init(spins: Bool, isLong: Bool = false) {
    self.spins = spins
    self.isLong = isLong
  }

  mutating func pause() {
    Heartbeat.beat()
    clock.tick()
    if clock.seconds > Self.drowsySeconds || isLong && clock.seconds > Self.spinSeconds {
      usleep(isLong ? 500 : 50)
    } else if !spins || clock.seconds > Self.spinSeconds {
      sched_yield()
    }
  }

  /// - Parameter silent: the ranks that are waited for.
  /// - Throws: `RuntimeFailure` naming them after the hang timeout.
  mutating func pause(for communicator: Communicator, silent: () -> [Int]) throws {
    pause()
    if clock.seconds > communicator.hangTimeout {
      throw communicator.silence(of: silent(), seconds: clock.seconds)
    }
  }

  mutating func reset() { clock.reset() }
}
