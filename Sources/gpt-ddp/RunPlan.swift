// From options, preset and checkpoint to the configuration of a run. Pure: no file, no MPI.

import CommandLineOptions
import Diagnostics
import GPTModel
import Kernels
import Training

/// What the command line asks for, before the corpus is known.
struct RunPlan {
  let options: ParsedOptions
  let preset: Preset

  init(_ options: ParsedOptions) throws {
    self.options = options
    preset = Preset.named(options.string("preset"))
    try options.atMostOne(of: "num-epochs", "num-steps")
    try options.atMostOne(of: "resume", "init-from")
    try options.atMostOne(of: "resume", "no-save")
    if preset.workflow == .documents, options.isGiven("num-epochs") {
      throw InvalidInput("--num-epochs does not apply to documents; give --num-steps")
    }
    try options.atMostOne(of: "data", "data-url")
    try refuseOneFileForTwo()
    if options.isGiven("supervise"), options.flag("no-save") {
      throw InvalidInput("--supervise needs checkpoints; leave --no-save away")
    }
    if let fault = options.givenString("fault") { _ = try FaultPlan(fault) }
    // The sizes that the options alone decide are checked before anything is started or downloaded.
    _ = try model(vocabularySize: 2)
    if let microbatch = options.givenInt("micro-batch-size"), microbatch > batchSize {
      throw InvalidInput(
        "--micro-batch-size \(microbatch) is larger than the batch of \(batchSize); allowed: 1 to \(batchSize)"
      )
    }
  }

  /// Outputs replace what is there: not the corpus, nor each other.
  private func refuseOneFileForTwo() throws {
    var uses = [("data", options.givenString("data")), ("metrics", options.givenString("metrics"))]
    if saves { uses.append(("checkpoint", checkpointPath)) }
    for (index, (name, path)) in uses.enumerated() {
      for (other, otherPath) in uses[..<index] where path != nil && path == otherPath {
        throw InvalidInput("--\(name) \(path ?? "") is also --\(other); give two files")
      }
    }
  }

  var batchSize: Int { options.int("batch-size", default: preset.batchSize) }
  var checkpointPath: String { options.string("checkpoint", default: preset.checkpoint) }
  var saves: Bool { !options.flag("no-save") }
  var sampleCount: Int { options.int("num-samples", default: preset.samples) }
  var temperature: Double { options.double("temperature", default: preset.temperature) }

  var backend: MatrixBackend { MatrixBackend(rawValue: options.string("matmul")) ?? .automatic }

  func model(vocabularySize: Int) throws -> GPTConfiguration {
    try GPTConfiguration(
      vocabularySize: vocabularySize, embeddingSize: options.int("n-embd", default: preset.embeddingSize),
      layerCount: options.int("n-layer", default: preset.layerCount),
      blockSize: options.int("block-size", default: preset.blockSize),
      headCount: options.int("n-head", default: preset.headCount))
  }

  /// The configuration of a training that begins at step 1.
  ///
  /// - Parameters:
  ///   - model: from the options, or of the checkpoint in `--init-from`.
  ///   - sequences: in the training part of the corpus.
  func configuration(model: GPTConfiguration, sequences: Int) throws -> TrainingConfiguration {
    let plan = try BatchPlan(
      workflow: preset.workflow, sequenceCount: sequences, globalBatchSize: batchSize, seed: 0,
      isShuffled: false)
    let epochs = options.int("num-epochs", default: preset.epochs ?? 1)
    let steps = options.givenInt("num-steps") ?? preset.steps ?? epochs * plan.stepsPerEpoch
    let peak = options.double("learning-rate", default: preset.learningRate)
    let schedule: LearningRateSchedule
    switch preset.workflow {
    case .chunks:
      let warmup = options.double("warmup-frac", default: preset.warmupFraction)
      schedule = .cosine(peak: peak, warmupFraction: warmup, totalSteps: steps)
    case .documents:
      if options.isGiven("warmup-frac") {
        throw InvalidInput("--warmup-frac does not apply to documents: their schedule is a linear decay")
      }
      schedule = .linear(peak: peak, totalSteps: steps)
    }
    var configuration = TrainingConfiguration(
      model: model, workflow: preset.workflow, globalBatchSize: batchSize,
      microbatchSize: options.int("micro-batch-size", default: min(preset.microbatchSize, batchSize)),
      schedule: schedule, beta1: options.double("beta1", default: preset.beta1),
      beta2: options.double("beta2", default: preset.beta2), seed: UInt64(options.int("seed")))
    configuration.weightDecay = options.double("weight-decay")
    configuration.gradientClip = options.double("grad-clip")
    configuration.initialDeviation = options.double("init-std")
    configuration.isShuffled = !options.flag("no-shuffle")
    configuration.validationFraction = validationFraction
    configuration.backend = backend
    return configuration
  }

  /// `--init-from` brings its own sizes; options must not contradict them.
  func checkSizes(of model: GPTConfiguration) throws {
    let sizes = [
      ("n-embd", model.embeddingSize), ("n-layer", model.layerCount), ("n-head", model.headCount),
      ("block-size", model.blockSize),
    ]
    for (name, size) in sizes {
      if let given = options.givenInt(name), given != size {
        throw InvalidInput(
          "--\(name) \(given) contradicts the checkpoint in --init-from, which has \(size); leave it away")
      }
    }
  }

  var validationFraction: Double { options.double("val-frac", default: preset.validationFraction) }

  /// - Parameters:
  ///   - localSize: ranks of this host.
  ///   - coreCount, usableCount: of this host, and those that a binding leaves this rank.
  func settings(localSize: Int, coreCount: Int, usableCount: Int) -> RunSettings {
    var settings = RunSettings()
    settings.threads = options.int("threads", default: max(1, min(coreCount / localSize, usableCount)))
    settings.lastStep = options.givenInt("max-steps")
    settings.logInterval = options.int("log-interval")
    settings.checkpointInterval =
      saves ? options.int("checkpoint-interval", default: preset.checkpointInterval) : 0
    settings.sampleInterval = options.int("sample-interval", default: preset.sampleInterval)
    settings.hashInterval = options.int("hash-interval")
    settings.runIdentifier = options.givenString("run-id") ?? ""
    settings.isProfiled = options.flag("profile")
    return settings
  }
}
