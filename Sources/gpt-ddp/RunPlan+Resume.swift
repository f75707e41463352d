// A resumed training goes on with the options of its checkpoint; an option that contradicts it is refused.

import CommandLineOptions
import Diagnostics
import GPTModel
import Training

extension RunPlan {
  /// The configuration that a checkpoint was trained with.
  ///
  /// - Throws: `InvalidInput` naming an option that the user gave and that says something else.
  func configuration(resuming snapshot: TrainingSnapshot, _ state: TrainingState) throws
    -> TrainingConfiguration
  {
    let model = snapshot.configuration
    guard let workflow = Workflow(rawValue: state.data.workflow),
      let kind = LearningRateSchedule.Kind(rawValue: state.schedule.kind), state.optimizer.name == "adam",
      state.random.algorithm == "philox4x32-10", state.schedule.totalSteps > 0,
      (0...state.schedule.totalSteps).contains(state.schedule.warmupSteps),
      state.data.globalBatch > 0, state.data.microbatch > 0, state.progress.step == state.optimizer.step
    else {
      throw InvalidInput(
        "\(checkpointPath) was not trained by this version of gpt-ddp; begin anew with --init-from \(checkpointPath)"
      )
    }
    try refuse("preset", preset.workflow.rawValue, workflow.rawValue, isGiven: options.isGiven("preset"))
    try refuse("n-embd", model.embeddingSize)
    try refuse("n-layer", model.layerCount)
    try refuse("n-head", model.headCount)
    try refuse("block-size", model.blockSize)
    try refuse("batch-size", state.data.globalBatch)
    try refuse("micro-batch-size", state.data.microbatch)
    try refuse("seed", state.random.seed)
    try refuse("num-steps", state.schedule.totalSteps)
    try refuse("learning-rate", state.schedule.peakLearningRate)
    try refuse("beta1", state.optimizer.beta1)
    try refuse("beta2", state.optimizer.beta2)
    try refuse("weight-decay", state.optimizer.weightDecay)
    try refuse("grad-clip", state.optimizer.gradientClip)
    try refuse("val-frac", state.data.validationFraction)
    if options.flag("no-shuffle"), state.data.isShuffled {
      throw contradiction("--no-shuffle", "which was trained on shuffled data")
    }
    let schedule = LearningRateSchedule(
      kind: kind, peak: state.schedule.peakLearningRate, warmupSteps: state.schedule.warmupSteps,
      totalSteps: state.schedule.totalSteps)
    if let fraction = options.givenDouble("warmup-frac"), kind == .cosine {
      let asked = LearningRateSchedule.cosine(
        peak: schedule.peak, warmupFraction: fraction, totalSteps: schedule.totalSteps)
      try refuse(
        "warmup-frac", String(fraction), "\(schedule.warmupSteps) warm-up steps", isGiven: asked != schedule)
    }
    var configuration = TrainingConfiguration(
      model: model, workflow: workflow, globalBatchSize: state.data.globalBatch,
      microbatchSize: state.data.microbatch, schedule: schedule, beta1: state.optimizer.beta1,
      beta2: state.optimizer.beta2, seed: UInt64(bitPattern: Int64(state.random.seed)))
    configuration.epsilon = state.optimizer.epsilon
    configuration.weightDecay = state.optimizer.weightDecay
    configuration.gradientClip = state.optimizer.gradientClip
    configuration.isShuffled = state.data.isShuffled
    configuration.validationFraction = state.data.validationFraction
    configuration.backend = backend
    return configuration
  }

  /// `--num-epochs` can be compared only when the corpus is known.
  func checkEpochs(_ configuration: TrainingConfiguration, stepsPerEpoch: Int) throws {
    if let epochs = options.givenInt("num-epochs") {
      try refuse(
        "num-epochs", String(epochs), "\(configuration.totalSteps) steps",
        isGiven: epochs * stepsPerEpoch != configuration.totalSteps)
    }
  }

  private func refuse(_ option: String, _ trained: Int) throws {
    if let given = options.givenInt(option) {
      try refuse(option, String(given), String(trained), isGiven: true)
    }
  }

  private func refuse(_ option: String, _ trained: Double) throws {
    if let given = options.givenDouble(option) { try refuse(option, "\(given)", "\(trained)", isGiven: true) }
  }

  private func refuse(_ option: String, _ given: String, _ trained: String, isGiven: Bool) throws {
    guard isGiven, given != trained else { return }
    throw contradiction("--\(option) \(given)", "which was trained with \(trained)")
  }

  private func contradiction(_ option: String, _ fact: String) -> InvalidInput {
    InvalidInput(
      "\(option) contradicts \(checkpointPath), \(fact); leave it away to resume, or begin a new training "
        + "with --init-from \(checkpointPath)")
  }
}
