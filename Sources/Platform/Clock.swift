// The one clock: seconds that only go forward.

import Glibc

/// Seconds of the monotonic clock.
public func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Adds up waiting time in increments of at most one second, so that a job that was stopped as a whole
/// (SIGSTOP, a suspended machine) and continued does not mistake the pause for a hung peer.
public struct CappedClock: Sendable {
  public private(set) var seconds = 0.0
  private var last: Double

  public init(now: Double = monotonicSeconds()) { last = now }

  public mutating func tick(now: Double = monotonicSeconds()) {
    seconds += min(max(now - last, 0), 1)
    last = now
  }

  /// Leaves out the time since the last tick.
  public mutating func skip(now: Double = monotonicSeconds()) { last = now }

  public mutating func reset(now: Double = monotonicSeconds()) {
    seconds = 0
    last = now
  }
}
