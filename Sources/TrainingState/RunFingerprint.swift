// Which run a state belongs to. By the law of equal bits a run is what decides them: settings, corpus, kernels, and where
// its weights came from. Its states differ only in how far they are.

import Platform
import Reproducibility

extension TrainingState {
  /// Equal for the states of one run, whenever and on however many ranks they were saved, and however often it was
  /// given more steps after its end.
  ///
  /// A value that is what its absence means counts for nothing, so that a program with more settings gives the states of
  /// an older one their old fingerprint.
  public var runFingerprint: UInt64 {
    var state = self
    state.configuration.schedule = configuration.schedule.firstRound
    let lines = Self.fields.filter { Self.decidingPaths.contains($0.path) }.compactMap { field in
      let value = field.value(in: state)
      return field.absence.value == value ? nil : "\(field.path)=\(JSONText(value).text)\n"
    }
    return Array(lines.joined().utf8).withUnsafeBytes { XXHash64.hash($0) }
  }

  /// The settings, and what no option names.
  private static let decidingPaths = Set(
    SettingsTable.all.filter { !$0.mayChange }.compactMap { $0.field?.path }
  ).union([
    "optimizer/epsilon", "schedule/kind", "data/workflow", "kernels/family", "config/init_from",
    "data/sha256",
    "rng/algorithm",
  ])
}
