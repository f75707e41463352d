// One event that one thread brings about and others wait for.

import Foundation

public final class Completion: @unchecked Sendable {
  private let condition = NSCondition()
  private var isDone = false

  public init() {}

  public func finish() {
    condition.withLock {
      isDone = true
      condition.broadcast()
    }
  }

  /// Waits at most so long.
  /// - Returns: whether it is finished.
  public func wait(seconds: Double) -> Bool {
    let deadline = Date(timeIntervalSinceNow: seconds)
    return condition.withLock {
      while !isDone, condition.wait(until: deadline) {}
      return isDone
    }
  }
}
