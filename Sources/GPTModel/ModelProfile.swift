// Where a step's time goes inside the model. When off, it costs one branch per kernel call.

import Platform

/// Seconds that one thread has spent on each kind of work so far.
public struct ModelProfile: Sendable {
  public enum Kind: Int, CaseIterable, Sendable { case linear, attention, other }

  public var isEnabled = false
  private var last = 0.0
  private var durations = [Double](repeating: 0, count: Kind.allCases.count)

  public init() {}

  public subscript(kind: Kind) -> Double { durations[kind.rawValue] }

  /// Starts the clock for the next `lap`.
  @inline(__always)
  mutating func start() {
    if isEnabled { last = monotonicSeconds() }
  }

  /// Credits the time since the last lap or start to `kind`.
  @inline(__always)
  mutating func lap(_ kind: Kind) {
    if isEnabled { record(kind) }
  }

  private mutating func record(_ kind: Kind) {
    let now = monotonicSeconds()
    durations[kind.rawValue] += now - last
    last = now
  }
}
