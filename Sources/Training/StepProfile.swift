// Where the wall time of this rank's steps goes (`--profile`). Off, it costs one branch a lap.

/// Seconds by phase of a step, as the rank's main thread sees them.
public struct StepProfile: Sendable {
  public enum Phase: String, CaseIterable, Sendable {
    case data, gradient, waiting, reduction, optimizer, validation, checkpoint, other
  }

  public let isEnabled: Bool
  public internal(set) var steps = 0
  private var last = ContinuousClock.now
  private var durations = [Phase: Duration]()

  init(isEnabled: Bool) { self.isEnabled = isEnabled }

  public subscript(phase: Phase) -> Double { (durations[phase] ?? .zero) / .seconds(1) }

  mutating func start() {
    if isEnabled { last = .now }
  }

  /// The time since the last lap or start was spent in `phase`.
  mutating func lap(_ phase: Phase) {
    guard isEnabled else { return }
    let now = ContinuousClock.now
    durations[phase, default: .zero] += now - last
    last = now
  }
}
