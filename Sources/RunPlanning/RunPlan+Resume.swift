// A resumed training goes on with the settings of its checkpoint; an option that contradicts one is refused by name.

import Checkpointing
import CommandLineOptions
import Kernels
import Platform
import TrainingState

extension RunPlan {
  /// What a checkpoint asks for, and what the user should know about it.
  package struct Resumption {
    package var configuration: TrainingConfiguration
    /// Lines for the log.
    package var notes: [String] = []
  }

  /// The configuration that a checkpoint was trained with.
  ///
  /// - Parameter sequences: in the training part of the corpus.
  /// - Throws: `InvalidInput` naming an option that the user gave and that says something else.
  package func configuration(resuming state: TrainingState, sequences: Int) throws -> Resumption {
    var resumption = Resumption(configuration: state.configuration)
    let trained = state.configuration
    if options.isGiven(TrainerOptions.preset), preset.configuration.workflow != trained.workflow {
      throw contradiction(
        "--preset \(preset.name)", "which was trained with \(trained.workflow.rawValue)")
    }
    if let path = options[TrainerOptions.initFrom], path != state.initialCheckpoint {
      let first = state.initialCheckpoint.isEmpty ? "random weights" : state.initialCheckpoint
      throw contradiction("--\(TrainerOptions.initFrom.name) \(path)", "which began with \(first)")
    }
    let length = try length(trained, sequences: sequences)
    for setting in SettingsTable.all where setting.name != SettingsTable.matmul.name {
      var asked = resumption.configuration
      setting.apply(options, to: &asked, length: length)
      guard asked != resumption.configuration else { continue }
      // What the user may still choose, and what the file does not tell.
      let isOpen = setting.mayChange || setting.field.map { state.guesses.contains($0.path) } == true
      guard isOpen else {
        if [SettingsTable.epochs.name, SettingsTable.steps.name].contains(setting.name) {
          throw otherLength(setting, asked.schedule.firstLength, state, length)
        }
        let value = setting.text(in: trained)
        throw contradiction(
          given(setting), value == "on" ? "which was trained without it" : "which was trained with \(value)")
      }
      resumption.configuration = asked
    }
    try Self.checkPatience(resumption.configuration)
    try chooseKernels(for: state, &resumption)
    try extend(&resumption.configuration, state, length)
    if !state.progress.isCompared {
      resumption.notes.append(
        "the state after step \(state.progress.step) was saved as a last resort: its weights were not compared "
          + "with the other ranks'")
    }
    return resumption
  }

  /// `--resume` where nothing is.
  package var noCheckpoint: InvalidInput {
    let others = CheckpointFile.otherNames(near: checkpointPath)
    return InvalidInput(
      "there is no checkpoint \(checkpointPath) to resume\(others.isEmpty ? "" : " (there is \(others))"); leave "
        + "--resume out to begin anew, or name another one with --checkpoint")
  }

  /// `--more-epochs` and `--more-steps`: another round of the schedule.
  private func extend(
    _ configuration: inout TrainingConfiguration, _ state: TrainingState, _ length: CorpusLength
  ) throws {
    let epochs = options[TrainerOptions.moreEpochs]
    guard let steps = options[TrainerOptions.moreSteps] ?? epochs.map({ $0 * length.stepsPerEpoch }) else {
      return
    }
    // A supervised job that is started again finds what its first start has added.
    if options[TrainerOptions.restarted], options[TrainerOptions.run] == state.progress.run { return }
    let option = epochs.map { "--\(TrainerOptions.moreEpochs.name) \($0)" } ?? "--more-steps \(steps)"
    if epochs != nil, configuration.workflow == .documents {
      throw InvalidInput("\(option) does not apply to documents; give --\(TrainerOptions.moreSteps.name)")
    }
    guard state.progress.step >= configuration.totalSteps else {
      if state.isOutOfPatience {
        throw InvalidInput(
          "\(option) continues a training after its last step, but \(checkpointPath) stopped early at step "
            + "\(state.progress.step) of \(configuration.totalSteps) (--patience \(state.configuration.patience)); "
            + "--resume --patience 0 goes on to the end, and more can be added then")
      }
      throw InvalidInput(
        "\(option) continues a finished training, but \(checkpointPath) is at step \(state.progress.step) of "
          + "\(configuration.totalSteps); --resume alone goes on to the end, and more can be added then")
    }
    let most = TrainingConfiguration.mostSteps - configuration.totalSteps
    guard steps <= most else {
      throw InvalidInput("\(option) makes more steps than a checkpoint counts; at most \(most) can be added")
    }
    configuration.schedule.add(steps: steps)
  }

  /// `--num-epochs 30` after 15, by which somebody may mean that the training is to go on.
  private func otherLength(
    _ setting: Setting, _ asked: Int, _ state: TrainingState, _ length: CorpusLength
  ) -> InvalidInput {
    let schedule = state.configuration.schedule
    let lengths = ([schedule.firstLength] + schedule.addedLengths).map(String.init)
    let fact = "which was trained with \(lengths.joined(separator: " + ")) steps"
    let missing = asked - schedule.totalSteps
    guard missing > 0 else { return contradiction(given(setting), fact) }
    let inEpochs = setting.name == SettingsTable.epochs.name && missing % length.stepsPerEpoch == 0
    let more =
      inEpochs
      ? "--\(TrainerOptions.moreEpochs.name) \(missing / length.stepsPerEpoch)"
      : "--\(TrainerOptions.moreSteps.name) \(missing)"
    let isFinished = state.progress.step >= schedule.totalSteps
    return InvalidInput(
      "\(given(setting)) contradicts \(checkpointPath), \(fact); to train longer, "
        + (isFinished ? "" : "resume it without that option to its end, then ")
        + "give --resume \(more)")
  }

  /// The kernels that give the bits of the file, whatever they are called here.
  private func chooseKernels(for state: TrainingState, _ resumption: inout Resumption) throws {
    let option = SettingsTable.matmul
    var asked = resumption.configuration
    option.apply(options, to: &asked)
    guard !state.kernelFamily.isEmpty else {
      resumption.configuration = asked
      resumption.notes.append(
        "\(checkpointPath) does not say which kernels it was trained with; going on with "
          + asked.backend.kernelFamily)
      return
    }
    if options.isGiven(option.option), asked.backend.kernelFamily != state.kernelFamily {
      throw contradiction(
        "\(given(option)) (\(asked.backend.kernelFamily) kernels)",
        "which was trained with \(state.kernelFamily) kernels")
    }
    let candidates = [MatrixBackend.automatic] + MatrixBackend.allCases
    guard let backend = candidates.first(where: { $0.kernelFamily == state.kernelFamily }) else {
      let known = Set(candidates.map(\.kernelFamily)).sorted().joined(separator: " and ")
      throw InvalidInput(
        "\(checkpointPath) was trained with \(state.kernelFamily) kernels, which this build on this CPU does not "
          + "compute (it has \(known)); resume it where it was trained, or begin a new training with "
          + "--init-from \(checkpointPath) and another --checkpoint")
    }
    resumption.configuration.matmul = backend == .automatic ? nil : backend
  }

  /// `--n-embd 64`, as the user gave it.
  private func given(_ setting: Setting) -> String {
    let name = "--\(setting.name)"
    let argument = options.arguments().first { $0 == name || $0.hasPrefix("\(name)=") } ?? name
    return argument.split(separator: "=", maxSplits: 1).joined(separator: " ")
  }

  private func contradiction(_ option: String, _ fact: String) -> InvalidInput {
    InvalidInput(
      "\(option) contradicts \(checkpointPath), \(fact); omit it to resume, or begin a new training with "
        + "--init-from \(checkpointPath) and another --checkpoint")
  }
}
