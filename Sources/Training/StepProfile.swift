// Where the wall time of this rank's steps goes (`--profile`). When off, it costs one branch per lap.

import GPTModel
import Platform

/// Seconds by phase of a step, as the rank's main thread sees them.
final class StepProfile {
  /// Seconds by phase, and by kind of work within the gradient phase.
  struct Sums {
    var phases = [Double](repeating: 0, count: ProfileReport.Phase.allCases.count)
    var kinds = [Double](repeating: 0, count: ModelProfile.Kind.allCases.count)

    subscript(phase: ProfileReport.Phase) -> Double { phases[phase.rawValue] }
    subscript(kind: ModelProfile.Kind) -> Double { kinds[kind.rawValue] }

    static func - (left: Sums, right: Sums) -> Sums {
      Sums(
        phases: zip(left.phases, right.phases).map { $0 - $1 },
        kinds: zip(left.kinds, right.kinds).map { $0 - $1 })
    }
  }

  let isEnabled: Bool
  private var steps = 0
  private var sums = Sums()
  private var mark = Sums()
  private var last = 0.0

  init(isEnabled: Bool) { self.isEnabled = isEnabled }

  func start() {
    guard isEnabled else { return }
    mark = sums
    last = monotonicSeconds()
  }

  /// Credits the time since the last lap or start to `phase`.
  func lap(_ phase: ProfileReport.Phase) {
    guard isEnabled else { return }
    let now = monotonicSeconds()
    sums.phases[phase.rawValue] += now - last
    last = now
  }

  /// Ends the step. - Parameter kinds: the seconds by kind so far.
  /// - Returns: how its time splits up; nil if not measured.
  func finishStep(kinds: (ModelProfile.Kind) -> Double) -> [(phase: String, seconds: Double)]? {
    guard isEnabled else { return nil }
    steps += 1
    for kind in ModelProfile.Kind.allCases { sums.kinds[kind.rawValue] = kinds(kind) }
    return Self.split(of: sums - mark)
  }

  /// `data linear attention other waiting reduction optimizer`, which add up to the whole. `linear` and
  /// `attention` are means over the threads; `other` has the rest of the gradient phase (packing, norms, idle
  /// threads) and the hash of the weights.
  private static func split(of sums: Sums) -> [(phase: String, seconds: Double)] {
    let other = max(0, sums[.gradient] - sums[.linear] - sums[.attention]) + sums[ProfileReport.Phase.other]
    return [
      ("data", sums[.data]), ("linear", sums[.linear]), ("attention", sums[.attention]), ("other", other),
      ("waiting", sums[.waiting]), ("reduction", sums[.reduction]), ("optimizer", sums[.optimizer]),
    ]
  }

  var report: ProfileReport? {
    guard steps > 0 else { return nil }
    return ProfileReport(
      steps: steps,
      phases: ProfileReport.Phase.allCases.map { ($0, sums[$0]) },
      kinds: ModelProfile.Kind.allCases.map { ("\($0)", sums[$0]) })
  }
}

/// What `--profile` found on this rank.
public struct ProfileReport: Sendable {
  public enum Phase: Int, CaseIterable, Sendable {
    case data, gradient, waiting, reduction, optimizer, validation, checkpoint, other
  }

  public let steps: Int
  /// Wall seconds of the rank's main thread, all phases.
  public let phases: [(phase: Phase, seconds: Double)]
  /// Inside the gradient phase: means over the threads.
  public let kinds: [(name: String, seconds: Double)]
}
