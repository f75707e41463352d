// How a rank waits for another: by polling, never blocking, so that it can say for whom and how long.

import Liveness
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
  /// Ranks that share processors sleep at once, the longer the more they are: each poll of one that waits is time
  /// of one that computes. 64 ranks on 2 processors take less than half as long as with yielding, 4 three quarters.
  private static let crowdMicroseconds: UInt32 = 40
  private static let longestCrowdMicroseconds: UInt32 = 2000
  private let communicator: Communicator
  private var nextLook = Self.lookSeconds
  private(set) var clock = CappedClock()

  init(_ communicator: Communicator) { self.communicator = communicator }

  mutating func pause() {
    Heartbeat.beat()
    clock.tick()
    let ranksPerProcessor = communicator.ranksPerProcessor
    if communicator.waitsLong && clock.seconds > Self.spinSeconds {
      usleep(500)
    } else if ranksPerProcessor > 1 {
      usleep(min(Self.crowdMicroseconds * UInt32(ranksPerProcessor), Self.longestCrowdMicroseconds))
    } else if clock.seconds > Self.drowsySeconds {
      usleep(50)
    } else if clock.seconds > Self.spinSeconds {
      sched_yield()
    }
  }

  /// - Parameter silent: the ranks that are waited for.
  /// - Throws: `LostPeer` naming those that have died, or have been silent for the hang timeout.
  mutating func pause(for silent: () -> [Int]) throws {
    pause()
    guard clock.seconds > nextLook else { return }
    nextLook = clock.seconds + Self.lookSeconds
    if let loss = communicator.loss(among: silent(), after: clock.seconds) { throw loss }
  }

  mutating func reset() {
    clock.reset()
    nextLook = Self.lookSeconds
  }
}
