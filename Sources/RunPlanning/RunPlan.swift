// From options and preset to the configuration of a run. Pure: no file, no MPI.

import CommandLineOptions
import GPTModel
import Launching
import Kernels
import Platform
import Training
import TrainingState

/// What the command line asks for, before the corpus is known.
package struct RunPlan {
  package let options: ParsedOptions
  package let preset: Preset
  /// Preset and options; vocabulary and length follow from the corpus.
  package let draft: TrainingConfiguration

  package init(_ options: ParsedOptions) throws {
    self.options = options
    let name = options[TrainerOptions.preset]
    preset = Preset.all.first { $0.name == name } ?? Preset.all[0]
    draft = Self.draft(preset, options)
    try options.atMostOne(of: SettingsTable.epochs.option, SettingsTable.steps.option)
    try options.atMostOne(of: SettingsTable.warmup.option, SettingsTable.warmupSteps.option)
    try options.atMostOne(of: TrainerOptions.resume, TrainerOptions.initFrom)
    try options.atMostOne(of: TrainerOptions.initFrom, SettingsTable.initialScheme.option)
    if options.isGiven(SettingsTable.initialDeviation.option), draft.initialScheme == .scaled {
      throw InvalidInput(
        "--init-std does not apply to --init-scheme scaled, whose deviations follow from the sizes; omit one")
    }
    try options.atMostOne(of: TrainerOptions.resume, TrainerOptions.autoResume)
    try options.atMostOne(of: TrainerOptions.resume, TrainerOptions.noSave)
    try options.atMostOne(of: TrainerOptions.autoResume, TrainerOptions.noSave)
    try options.atMostOne(of: TrainerOptions.moreEpochs, TrainerOptions.moreSteps)
    let extensions: [any DeclaredOption] = [TrainerOptions.moreEpochs, TrainerOptions.moreSteps]
    for option in extensions where options.isGiven(option) && !options[TrainerOptions.resume] {
      throw InvalidInput(
        "--\(option.name) continues a finished training; give it with --resume, which it needs")
    }
    try options.atMostOne(of: TrainerOptions.data, TrainerOptions.dataURL)
    if draft.workflow == .documents {
      if options.isGiven(SettingsTable.epochs.option) {
        throw InvalidInput("--num-epochs does not apply to documents; give --num-steps")
      }
      for setting in [SettingsTable.warmup, SettingsTable.warmupSteps] where options.isGiven(setting.option) {
        throw InvalidInput("--\(setting.name) does not apply to documents: their schedule is a linear decay")
      }
    }
    try Self.checkLog(options)
    let resumes = options[TrainerOptions.resume] || options[TrainerOptions.autoResume]
    if !resumes { try Self.checkPatience(draft) }
    try refuseOneFileForTwo()
    if options[TrainerOptions.dryRun], options[TrainerOptions.supervise] {
      throw InvalidInput("--dry-run starts nothing that --supervise could start again; omit one of them")
    }
    try options.atMostOne(of: TrainerOptions.dryRun, TrainerOptions.doctor)
    if options[TrainerOptions.supervise], !saves {
      throw InvalidInput("--supervise needs checkpoints; omit --no-save")
    }
    // The sizes that the options alone decide are checked before anything is started or downloaded.
    try draft.model.validate()
    if draft.microbatchSize > draft.globalBatchSize {
      throw InvalidInput(
        "--micro-batch-size \(draft.microbatchSize) is larger than the batch of \(draft.globalBatchSize); "
          + "allowed: 1 to \(draft.globalBatchSize)")
    }
  }

  /// Where nothing is held out there are no validations to wait for.
  package static func checkPatience(_ configuration: TrainingConfiguration) throws {
    guard configuration.patience > 0, configuration.validationFraction == 0 else { return }
    throw InvalidInput(
      "--\(SettingsTable.patience.name) \(configuration.patience) counts validations, and nothing is held out for them; "
        + "give --val-frac 0.1, or omit it")
  }

  /// Outputs replace what is there: not the corpus, nor each other.
  private func refuseOneFileForTwo() throws {
    var uses: [(String, String?)] = options[TrainerOptions.data].map { ("data", $0) }
    uses += [("metrics", metricsPath), ("page", pagePath)]
    if saves { uses.append(("checkpoint", checkpointPath)) }
    for (index, (name, path)) in uses.enumerated() {
      // A text may be trained on twice.
      for (other, otherPath) in uses[..<index] where path != nil && path == otherPath && name != other {
        throw InvalidInput("--\(name) \(path ?? "") is also --\(other); give two files")
      }
    }
  }

  /// - Parameter length: what epochs are counted in, once that is known.
  private static func draft(
    _ preset: Preset, _ options: ParsedOptions, length: CorpusLength? = nil
  ) -> TrainingConfiguration {
    var configuration = preset.configuration
    if let length {
      configuration.schedule.totalSteps = preset.length.steps(perEpoch: length.stepsPerEpoch)
    }
    // What has no value of its own follows from others, which come first.
    for setting in SettingsTable.all { setting.apply(options, to: &configuration, length: length) }
    if !options.isGiven(SettingsTable.warmup.option), !options.isGiven(SettingsTable.warmupSteps.option) {
      configuration.takeWarmup(of: preset)
    }
    if !options.isGiven(SettingsTable.initialScheme.option) {
      configuration.takeInitialScheme(
        of: preset,
        isFixed: options.isGiven(SettingsTable.initialDeviation.option)
          || options.isGiven(TrainerOptions.initFrom))
    }
    if !options.isGiven(SettingsTable.microbatchSize.option) { configuration.takeMicrobatch(of: preset) }
    return configuration
  }

  package var checkpointPath: String { options[TrainerOptions.checkpoint] ?? preset.checkpoint }
  package var metricsPath: String? { options[TrainerOptions.metrics] }
  package var pagePath: String? { options[TrainerOptions.page] }
  package var saves: Bool { !options[TrainerOptions.noSave] }
  package var sampleCount: Int { options[TrainerOptions.sampleCount] ?? preset.sampleCount }
  package var temperature: Double { options[TrainerOptions.temperature] ?? preset.temperature }

  /// The configuration of a training that begins at step 1.
  ///
  /// - Parameters:
  ///   - model: of the corpus and the options, or of the checkpoint in `--init-from`.
  ///   - sequences: in the training part of the corpus.
  ///   - heldOut: sequences in the other part.
  /// - Throws: `InvalidInput` if the sizes are impossible or the corpus does not fill a batch.
  package func configuration(
    model: GPTConfiguration, sequences: Int, heldOut: Int = 0
  ) throws -> TrainingConfiguration {
    var configuration = Self.draft(preset, options, length: try length(draft, sequences: sequences))
    configuration.model = model
    try configuration.model.validate()
    guard configuration.totalSteps <= TrainingConfiguration.mostSteps else {
      throw InvalidInput(
        "--\(SettingsTable.epochs.name) makes \(configuration.totalSteps) steps with this corpus; allowed are 1 to "
          + "\(TrainingConfiguration.mostSteps): choose fewer epochs, or a larger --batch-size")
    }
    guard configuration.schedule.warmupSteps <= configuration.totalSteps else {
      throw InvalidInput(
        "--\(SettingsTable.warmupSteps.name) \(configuration.schedule.warmupSteps) is more than the "
          + "\(configuration.totalSteps) steps of the training; allowed: 0 to \(configuration.totalSteps)")
    }
    if !options.isGiven(SettingsTable.validationBatches.option) {
      configuration.validationBatches = configuration.automaticValidationBatches(heldOut: heldOut)
    }
    return configuration
  }

  package func length(_ configuration: TrainingConfiguration, sequences: Int) throws -> CorpusLength {
    CorpusLength(
      stepsPerEpoch: try BatchSampler(configuration, sequenceCount: sequences).stepsPerEpoch)
  }

  /// The model that the options ask for, with the vocabulary of a corpus.
  package func model(vocabularySize: Int) throws -> GPTConfiguration {
    var model = draft.model
    model.vocabularySize = vocabularySize
    try model.validate()
    return model
  }

  /// `--init-from` brings its own sizes; options must not contradict them.
  package func checkSizes(of model: GPTConfiguration) throws {
    var trained = draft
    trained.model = model
    for setting in SettingsTable.model {
      var asked = trained
      setting.apply(options, to: &asked)
      if asked.model != trained.model {
        throw InvalidInput(
          "--\(setting.name) \(setting.text(in: asked)) contradicts the checkpoint in --init-from, which has "
            + "\(setting.text(in: trained)); omit it")
      }
    }
  }

  /// - Parameters:
  ///   - localSize: ranks of this host.
  ///   - processorCount, usableCount: of this host, and those that a binding leaves this rank.
  ///   - allocation: what a batch system has given the job.
  package func settings(
    localSize: Int, processorCount: Int, usableCount: Int, allocation: SlurmAllocation? = nil
  ) -> RunSettings {
    var settings = RunSettings()
    settings.threads =
      options[TrainerOptions.threads]
      ?? allocation?.threads(localSize: localSize, usableCount: usableCount, hostCount: processorCount)?.count
      ?? max(1, min(processorCount / localSize, usableCount))
    settings.lastStep = options[TrainerOptions.maxSteps]
    settings.checkpointInterval =
      saves ? options[TrainerOptions.checkpointInterval] ?? preset.checkpointInterval : 0
    settings.sampleInterval = options[TrainerOptions.sampleInterval] ?? preset.sampleInterval
    settings.hashInterval = options[TrainerOptions.hashInterval]
    settings.runIdentifier = options[TrainerOptions.run] ?? ""
    settings.isProfiled = options[TrainerOptions.profile]
    return settings
  }
}

extension TrainingConfiguration {
  /// The preset's part of the steps.
  package mutating func takeWarmup(of preset: Preset) {
    schedule.warmupSteps =
      schedule.kind == .cosine
      ? min(
        preset.mostWarmupSteps,
        LearningRateSchedule.warmupSteps(fraction: preset.warmupFraction, of: totalSteps)) : 0
  }

  /// - Parameter isFixed: whether the user has said where the weights come from.
  package mutating func takeInitialScheme(of preset: Preset, isFixed: Bool) {
    initialScheme =
      preset.choosesInitialScheme && !isFixed
      ? .automatic(for: model) : preset.configuration.initialScheme
  }

  /// The preset's leaves, which are no larger than the batch.
  package mutating func takeMicrobatch(of preset: Preset) {
    microbatchSize = min(preset.configuration.microbatchSize, globalBatchSize)
  }
}
