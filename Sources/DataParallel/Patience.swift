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
  /// Ranks that share processors sleep at once, the longer the more they are: each poll of one that waits is time
  /// of one that computes. 64 ranks on 2 processors take less than half as long as with yielding, 4 three quarters.
  private static let crowdMicroseconds: UInt32 = 40
  private static let longestCrowdMicroseconds: UInt32 = 2000
  private let ranksPerProcessor: Int
  private var nextLook = Self.lookSeconds
  private(set) var clock = CappedClock()

  /// - Parameter ranksPerProcessor: of this host; 1 if every rank has a processor of its own.
  init(ranksPerProcessor: Int) { self.ranksPerProcessor = ranksPerProcessor }

  mutating func pause() {
    Heartbeat.beat()
    clock.tick()
    if ranksPerProcessor > 1 {
      usleep(min(Self.crowdMicroseconds * UInt32(ranksPerProcessor), Self.longestCrowdMicroseconds))
    } else if clock.seconds > Self.drowsySeconds {
      usleep(50)
    } else if clock.seconds > Self.spinSeconds {
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
