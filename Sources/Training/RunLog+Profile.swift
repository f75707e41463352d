// `--profile`: where the time of this rank's steps went.

import Diagnostics
import Foundation
import GPTModel

extension RunLog {
  /// A table of rank 0's wall time by phase; inside the gradient phase, the mean over its threads by kind.
  public func profile(_ trainer: Trainer) {
    let profile = trainer.profile
    guard profile.steps > 0 else { return }
    let total = StepProfile.Phase.allCases.reduce(0) { $0 + profile[$1] }
    func row(_ name: String, _ seconds: Double) {
      let milliseconds = Readable.fixed(1000 * seconds / Double(profile.steps), digits: 3)
      let share = Readable.fixed(100 * seconds / max(total, 1e-12), digits: 1)
      line(
        name.padding(toLength: 24, withPad: " ", startingAt: 0)
          + String(repeating: " ", count: max(0, 12 - milliseconds.count)) + milliseconds
          + String(repeating: " ", count: max(0, 9 - share.count)) + share)
    }
    line("")
    line("Profile of rank 0, \(profile.steps) steps     ms/step        %")
    for phase in StepProfile.Phase.allCases {
      row(phase.rawValue, profile[phase])
      if phase == .gradient {
        for kind in ModelProfile.Kind.allCases { row("  \(kind)", trainer.kindSeconds(kind)) }
      }
    }
    row("total", total)
  }
}

extension Trainer {
  func kindSeconds(_ kind: ModelProfile.Kind) -> Double { computer.profiledSeconds(kind) }
}
