// Where the time of a step goes inside the model. Off, it costs one branch a kernel call.

import Platform

/// Seconds spent per kind of work by one thread so far.
public struct ModelProfile: Sendable {
  public enum Kind: Int, CaseIterable, Sendable { case linear, attention, other }

  public var isEnabled = false
  private var last = 0.0
  private var durations = [Double](repeating: 0, count: Kind.allCases.count)

  public init() {}

  public subscript(kind: Kind) -> Double { durations[kind.rawValue] }

  /// Time from here on belongs to the next `lap`.
  @inline(__always)
  mutating func start() {
    if isEnabled { last = monotonicSeconds() }
  }

  /// The time since the last lap or start was spent on `kind`.
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
