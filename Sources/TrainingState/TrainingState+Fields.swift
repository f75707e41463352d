// Every value of a training state, once, in the order of the file. Writer, reader and the reader's child
// process all use this table. Test fixtures freeze the paths: add new ones, never change one.

import GPTModel
import Platform

extension TrainingState {
  /// The settings, then what changes from step to step.
  public static let fields: [StateField] = SettingsTable.all.compactMap(\.field) + facts

  private static let facts: [StateField] = [
    .real("optimizer/epsilon", .state(\.configuration.epsilon), in: .above(0, upTo: 1)),
    .name(
      "schedule/kind", .configuration(\.schedule.kind.name),
      known: LearningRateSchedule.Kind.allCases.map(\.name)),
    .name("data/workflow", .configuration(\.workflow.name), known: Workflow.allCases.map(\.name)),
    restarts,
    kernelFamily,
    .text("config/init_from", .state(\.initialCheckpoint)),
    .text("data/dataset", .state(\.corpus.dataset)),
    .text("data/path", .state(\.corpus.path)),
    .text("data/sha256", .state(\.corpus.sha256)),
    .integer("data/chunk_count", .state(\.corpus.sequenceCount)),
    .integer("data/epoch", .state(\.progress.epoch), in: 1...TrainingConfiguration.mostSteps),
    .integer("data/step_in_epoch", .state(\.progress.stepInEpoch)),
    .name(
      "rng/algorithm", .init(get: { _ in "philox4x32-10" }, set: { _, _ in }), known: ["philox4x32-10"]),
    // The counters are all the state there is.
    StateField(
      path: "rng/state", kind: .unsignedIntegers, absence: .means(.unsignedIntegers([])),
      get: {
        .unsignedIntegers(
          [$0.configuration.randomSeed, UInt64($0.progress.epoch), UInt64($0.progress.step)])
      }, set: { _, _ in }),
    .integer("progress/step", .state(\.progress.step)),
    .copy("optimizer/step", of: "progress/step") { $0.progress.step },
    .copy("progress/total_steps", of: "schedule/total_steps") { $0.configuration.totalSteps },
    .real("progress/last_loss", .state(\.progress.lastLoss), in: .any, mayBeNaN: true),
    .real("progress/best_validation_loss", .state(\.progress.bestValidationLoss), in: .any, mayBeNaN: true),
    .integer(
      "progress/validations_since_best", .state(\.progress.validationsSinceBest), absence: .means(.integer(0))
    ),
    .integer("progress/validated_step", .state(\.progress.validatedStep), absence: .means(.integer(0))),
    .real("progress/wall_seconds", .state(\.progress.wallSeconds), in: .closed(0...1e12)),
    .text("progress/weights_hash", .state(\.progress.weightsHash)),
    .flag("progress/is_compared", .state(\.progress.isCompared), absence: .means(.integer(1))),
    .text("progress/run", .state(\.progress.run)),
    .floats(
      "progress/loss_history", .state(\.progress.lossHistory), last: TrainingProgress.longestHistory),
  ]

  /// Paths of the newer values that a program must know to continue with this state. A program that does not
  /// know one of these features refuses the file and names it.
  public var features: [String] {
    (SettingsTable.all.compactMap(\.field) + [Self.restarts, Self.kernelFamily]).filter {
      $0.isFeature(of: self)
    }.map(
      \.path)
  }

  private static let restarts = StateField.integers(
    "schedule/restarts", .configuration(\.schedule.restarts), in: 1...TrainingConfiguration.mostSteps)

  private static let kernelFamily = StateField.text(
    "kernels/family", .state(\.kernelFamily), absence: .unknown(.string("")))
}

extension TrainingState {
  /// Checks that a file could hold this state, by the rules of those who read it.
  /// - Throws: `InvalidInput` naming the field.
  public func validate() throws {
    var copy = self
    for field in Self.fields { try field.set(&copy, from: field.value(in: self)) }
    try checkRelations()
  }

  /// Checks values that are allowed each for itself against each other.
  /// - Throws: `InvalidInput` naming both.
  package func checkRelations() throws {
    let limits: [(path: String, value: Int, limit: Int, limitPath: String)] = [
      (
        "schedule/warmup_steps", configuration.schedule.warmupSteps, configuration.totalSteps,
        "schedule/total_steps"
      ),
      ("progress/step", progress.step, configuration.totalSteps, "schedule/total_steps"),
      ("data/step_in_epoch", progress.stepInEpoch, progress.step, "progress/step"),
      ("progress/validated_step", progress.validatedStep, progress.step, "progress/step"),
      (
        "progress/validations_since_best", progress.validationsSinceBest, progress.validatedStep,
        "progress/validated_step"
      ),
      ("data/epoch", progress.epoch, max(1, progress.step), "progress/step"),
      ("progress/loss_history's length", progress.lossHistory.count, progress.step, "progress/step"),
      ("data/microbatch", configuration.microbatchSize, configuration.globalBatchSize, "data/global_batch"),
      ("data/global_batch", configuration.globalBatchSize, corpus.sequenceCount, "data/chunk_count"),
    ]
    for (path, value, limit, limitPath) in limits where value > limit {
      throw InvalidInput("/\(path) is \(value), more than /\(limitPath), which is \(limit)")
    }
  }
}

extension RawRepresentable<String> {
  /// The raw value; only known names are ever put in its place.
  var name: String {
    get { rawValue }
    set { if let known = Self(rawValue: newValue) { self = known } }
  }
}
