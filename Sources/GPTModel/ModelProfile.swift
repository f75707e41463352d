// Where the time of a step goes inside the model. Off, it costs one branch a kernel call.

/// Seconds spent per kind of work by one thread since the last `reset`.
public struct ModelProfile: Sendable {
  public enum Kind: Int, CaseIterable, Sendable { case linear, attention, other }

  public var isEnabled = false
  private var last = ContinuousClock.now
  private var durations = [Duration](repeating: .zero, count: Kind.allCases.count)

  public init() {}

  public subscript(kind: Kind) -> Double { durations[kind.rawValue] / .seconds(1) }

  /// Time from here on belongs to the next `lap`.
  @inline(__always)
  mutating func start() {
    if isEnabled { last = .now }
  }

  /// The time since the last lap or start was spent on `kind`.
  @inline(__always)
  mutating func lap(_ kind: Kind) {
    if isEnabled { record(kind) }
  }

  private mutating func record(_ kind: Kind) {
    let now = ContinuousClock.now
    durations[kind.rawValue] += now - last
    last = now
  }

  public mutating func reset() {
    for index in durations.indices { durations[index] = .zero }
  }
}
