// The shortest command that gives the same weights again: a preset and what differs from it.

import Platform
import TrainingState

enum RepeatCommand {
  /// - Parameters:
  ///   - state: at the step whose weights are meant.
  ///   - dataPath: the user's `--data`; nil for the corpus of a preset.
  ///   - stepsPerEpoch: of this training.
  static func line(for state: TrainingState, dataPath: String?, stepsPerEpoch: Int) -> String {
    let candidates = Preset.all.filter { $0.configuration.workflow == state.configuration.workflow }.map {
      arguments(for: state, from: $0, dataPath: dataPath, stepsPerEpoch: stepsPerEpoch)
    }
    // Of equally short ones, the default's comes first.
    let shortest = candidates.min { $0.joined().count < $1.joined().count } ?? []
    return (["gpt-ddp"] + shortest).joined(separator: " ")
  }

  static func arguments(
    for state: TrainingState, from preset: Preset, dataPath: String?, stepsPerEpoch: Int
  ) -> [String] {
    let trained = state.configuration
    var arguments: [String] = []
    if preset.name != Preset.all[0].name { arguments.append("--preset \(preset.name)") }
    if let dataPath { arguments.append("--data \(shellQuoted(dataPath))") }
    if !state.initialCheckpoint.isEmpty {
      arguments.append("--init-from \(shellQuoted(state.initialCheckpoint))")
    }
    // What the preset would make of the settings before it.
    var base = preset.configuration
    base.schedule.totalSteps = preset.length.steps(perEpoch: stepsPerEpoch)
    base.globalBatchSize = trained.globalBatchSize
    base.takeMicrobatch(of: preset)
    base.globalBatchSize = preset.configuration.globalBatchSize
    for setting in SettingsTable.all {
      if setting.name == SettingsTable.warmup.name {
        base.schedule.totalSteps = trained.totalSteps
        base.takeWarmup(of: preset)
      }
      // A checkpoint brings its sizes along.
      let isGiven =
        !state.initialCheckpoint.isEmpty && SettingsTable.model.contains { $0.name == setting.name }
      guard !isGiven, let argument = setting.argument(for: trained, insteadOf: base) else { continue }
      let isWholeEpochs =
        setting.name == SettingsTable.steps.name && trained.workflow == .chunks
        && trained.totalSteps % stepsPerEpoch == 0
      arguments.append(
        isWholeEpochs ? "--\(SettingsTable.epochs.name) \(trained.totalSteps / stepsPerEpoch)" : argument)
    }
    if state.progress.step < trained.totalSteps { arguments.append("--max-steps \(state.progress.step)") }
    return arguments
  }
}
