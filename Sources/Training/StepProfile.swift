// Where the wall time of this rank's steps goes (`--profile`). Off, it costs one branch a lap.

import GPTModel

/// Seconds by phase of a step, as the rank's main thread sees them.
public struct StepProfile: Sendable {
  public enum Phase: String, CaseIterable, Sendable {
    case data, gradient, waiting, reduction, optimizer, validation, checkpoint, other
  }

  /// Cumulative seconds at the beginning of a step.
  struct Mark: Sendable {
    var phases = [Phase: Double]()
    var kinds = [ModelProfile.Kind: Double]()
  }

  public let isEnabled: Bool
  public internal(set) var steps = 0
  var mark = Mark()
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

extension Trainer {
  /// The wall time of the step that just ended: `data linear attention other waiting reduction optimizer`, which
  /// add up to the whole. Linear layers and attention are means over the threads; `other` has what is left of the
  /// gradient phase (packing, norms, idle threads) and the comparison of replicas.
  func splitOfStep() -> [(phase: String, seconds: Double)] {
    func since(_ phase: StepProfile.Phase) -> Double { profile[phase] - (profile.mark.phases[phase] ?? 0) }
    func since(_ kind: ModelProfile.Kind) -> Double { kindSeconds(kind) - (profile.mark.kinds[kind] ?? 0) }
    let (linear, attention) = (since(.linear), since(.attention))
    let other =
      max(0, since(StepProfile.Phase.gradient) - linear - attention) + since(StepProfile.Phase.other)
    return [
      ("data", since(.data)), ("linear", linear), ("attention", attention), ("other", other),
      ("waiting", since(.waiting)), ("reduction", since(.reduction)), ("optimizer", since(.optimizer)),
    ]
  }

  /// What follows belongs to the next step.
  func markProfile() {
    guard profile.isEnabled else { return }
    for phase in StepProfile.Phase.allCases { profile.mark.phases[phase] = profile[phase] }
    for kind in ModelProfile.Kind.allCases { profile.mark.kinds[kind] = kindSeconds(kind) }
  }
}
