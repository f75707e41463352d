// The shortest command that gives the same weights again: a preset and what differs from it. A training that was
// continued after its end takes one command for each round.

import Corpora
import CorpusFiles
import Platform
import TrainingState

package enum RepeatCommand {
  /// Words that belong together in one piece, quoted for a shell.
  ///
  /// - Parameters:
  ///   - state: at the step whose weights are meant.
  ///   - data: the user's `--data`; empty for the corpus of a preset.
  ///   - stepsPerEpoch: of this training.
  ///   - heldOut: sequences that it could validate on.
  package static func words(
    for state: TrainingState, data: [String], stepsPerEpoch: Int, heldOut: Int = 0
  ) -> [String] {
    let trained = state.configuration
    let candidates = Preset.all.filter { $0.configuration.workflow == trained.workflow }.map {
      arguments(for: state, from: $0, data: data, stepsPerEpoch: stepsPerEpoch, heldOut: heldOut)
    }
    // Of equally short ones, the default's comes first.
    let shortest = candidates.min { $0.joined().count < $1.joined().count } ?? []
    // The preset also names the checkpoint.
    let preset = shortest.filter { $0.hasPrefix("--preset ") }
    var commands = [shortest]
    commands += trained.schedule.addedLengths.map { steps in
      let isWholeEpochs = trained.workflow == .chunks && steps % stepsPerEpoch == 0
      return preset + ["--resume"]
        + [isWholeEpochs ? "--more-epochs \(steps / stepsPerEpoch)" : "--more-steps \(steps)"]
    }
    if state.progress.step < trained.totalSteps {
      commands[commands.count - 1].append("--max-steps \(state.progress.step)")
    }
    return Array(commands.map { ["gpt-ddp"] + $0 }.joined(separator: ["&&"]))
  }

  private static func arguments(
    for state: TrainingState, from preset: Preset, data: [String], stepsPerEpoch: Int, heldOut: Int
  ) -> [String] {
    let trained = state.configuration
    var arguments: [String] = []
    if preset.name != Preset.all[0].name { arguments.append("--preset \(preset.name)") }
    arguments += data.map { "--data \(shellQuoted($0))" }
    if !state.initialCheckpoint.isEmpty {
      arguments.append("--init-from \(shellQuoted(state.initialCheckpoint))")
    }
    // What the preset would make of the settings before it.
    var base = preset.configuration
    let firstLength = trained.schedule.firstLength
    base.schedule.totalSteps = preset.length.steps(perEpoch: stepsPerEpoch)
    base.globalBatchSize = trained.globalBatchSize
    base.takeMicrobatch(of: preset)
    base.globalBatchSize = preset.configuration.globalBatchSize
    base.validationBatches = trained.automaticValidationBatches(heldOut: heldOut)
    let hasOwnDeviation = trained.initialDeviation != base.initialDeviation
    base.model = trained.model
    base.takeInitialScheme(of: preset, isFixed: hasOwnDeviation || !state.initialCheckpoint.isEmpty)
    base.model = preset.configuration.model
    for setting in SettingsTable.all {
      if setting.name == SettingsTable.warmup.name {
        base.schedule.totalSteps = firstLength
        base.takeWarmup(of: preset)
      }
      // A checkpoint brings its sizes along.
      let isGiven =
        !state.initialCheckpoint.isEmpty && SettingsTable.model.contains { $0.name == setting.name }
      guard !isGiven, let argument = setting.argument(for: trained, insteadOf: base) else { continue }
      let isWholeEpochs =
        setting.name == SettingsTable.steps.name && trained.workflow == .chunks
        && firstLength % stepsPerEpoch == 0
      arguments.append(
        isWholeEpochs ? "--\(SettingsTable.epochs.name) \(firstLength / stepsPerEpoch)" : argument)
    }
    return arguments
  }
}

extension TrainingState {
  /// What `--data` must name for this training; nothing if a preset finds the text by itself.
  package var dataToGive: [String] {
    let own = Preset.all.filter { $0.configuration.workflow == configuration.workflow }.map(\.corpus)
    let isFound = own.contains { [$0.sha256, $0.substitute.sha256].contains(corpus.sha256) }
    return isFound ? [] : CorpusSources.decode(corpus.path)
  }
}
