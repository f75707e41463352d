// Every option that determines the bits, once. To add one: a member of `TrainingConfiguration` with the value
// that switches it off, a row here, its use in Training, its test.

import CommandLineOptions
import GPTModel
import Kernels
import Reduction

public enum SettingsTable {
  public static let corpus: [Setting] = [
    .real(
      "val-frac", \.validationFraction, in: .halfOpen(0..<1), file: "data/validation_fraction",
      "Fraction of the corpus held out and evaluated after each epoch."),
    validationInterval,
    validationBatches,
    patience,
    .switchingOff(
      "no-shuffle", \.isShuffled, file: "data/is_shuffled",
      "Take chunks or documents in file order."),
  ]

  public static let model: [Setting] = [
    .integer(
      "n-embd", \.model.embeddingSize, in: 1...GPTConfiguration.limits.embeddingSize, file: "config/n_embd",
      "Width of the model."),
    .integer(
      "n-layer", \.model.layerCount, in: 1...GPTConfiguration.limits.layerCount, file: "config/n_layer",
      "Blocks."),
    .integer(
      "n-head", \.model.headCount, in: 1...GPTConfiguration.limits.headCount, file: "config/n_head",
      "Attention heads; must divide n_embd."
    ),
    .integer(
      "block-size", \.model.blockSize, in: 1...GPTConfiguration.limits.blockSize, file: "config/block_size",
      "Characters of context."),
    initialScheme,
    initialDeviation,
  ]

  public static let training: [Setting] = [
    epochs,
    steps,
    .integer(
      "batch-size", \.globalBatchSize, in: 1...1_000_000, file: "data/global_batch",
      "Sequences per step, over all ranks."),
    microbatchSize,
    reductionPrecision,
    optimizer,
    .real(
      "learning-rate", \.schedule.peak, in: .above(0, upTo: 100), file: "schedule/peak_learning_rate", "Peak."
    ),
    warmup,
    warmupSteps,
    .real(
      "beta1", \.beta1, in: .halfOpen(0..<1), file: "optimizer/beta1",
      "Decay of Adam's first moment; momentum of sgd."),
    .real("beta2", \.beta2, in: .halfOpen(0..<1), file: "optimizer/beta2", "Decay of Adam's second moment."),
    .real(
      "weight-decay", \.weightDecay, in: .closed(0...10), file: "optimizer/weight_decay",
      "Decoupled weight decay (AdamW)."),
    .real(
      "grad-clip", \.gradientClip, in: .from(0), file: "optimizer/gradient_clip",
      "Largest norm of a gradient; 0 = off."),
    .integer(
      "seed", \.seed, in: 0...Int.max, file: "rng/seed", stored: Int.min...Int.max,
      "Seed of everything random."),
  ]

  public static let kernels: [Setting] = [matmul]

  public static let all = corpus + model + training + kernels

  public static let microbatchSize = Setting.integer(
    "micro-batch-size", \.microbatchSize, in: 1...1_000_000, file: "data/microbatch",
    "Sequences per leaf of the reduction tree, at most the batch; part of what decides the bits.")

  public static let reductionPrecision: Setting = .choice(
    "reduce-dtype", \.reductionPrecision.name, of: ReductionPrecision.allCases.map(\.rawValue), "TYPE",
    file: "data/reduce_dtype", absence: .means(.string(ReductionPrecision.float32.rawValue)),
    "Format of the gradients that are summed and sent; bfloat16 halves the bytes between hosts.")

  public static let validationInterval = {
    var setting = Setting.integer(
      "val-interval", \.validationInterval, in: 0...TrainingConfiguration.mostSteps,
      file: "data/validation_interval", absence: .means(.integer(0)),
      "Steps between validations; 0 = after each epoch. The last step always has one.")
    setting.mayChange = true
    return setting
  }()

  /// Decides where a training ends, and no weight. What is printed to repeat one names the step instead, at which it
  /// ends for certain.
  public static let patience: Setting = {
    let name = "patience"
    let option = Option<Int?>.integer(
      name, in: 0...TrainingConfiguration.mostSteps,
      "Stop early, after so many validations in a row that were no better than the best, whose state is kept as "
        + "\u{2026}.best.jld2; 0 = never.")
    return Setting(
      option: option, shown: option.showing,
      field: .integer(
        "data/validation_patience", .configuration(\.patience), absence: .means(.integer(0))),
      apply: { options, configuration, _ in
        if let value = options[option] { configuration.patience = value }
      },
      text: { String($0.patience) }, argument: { _ in nil }, mayChange: true)
  }()

  /// Decides which losses compare, and so which state is the best: a resume keeps it.
  public static let validationBatches: Setting = .integer(
    "val-batches", \.validationBatches, in: 0...1_000_000_000, file: "data/validation_batches",
    absence: .means(.integer(0)),
    "Batches that a validation takes, spread evenly over the held-out part; 0 = all of it.")

  public static let initialDeviation: Setting = .real(
    "init-std", \.initialDeviation, in: .from(0), file: "config/init_std", absence: .unknown(.real(0.08)),
    "Standard deviation of the initial weights of the reference scheme, which it implies.")

  /// `auto` is what the sizes choose, and the choice is stored.
  public static let initialScheme: Setting = {
    let names = InitialScheme.allCases.map(\.rawValue)
    let option = Option<String?>.choice(
      "init-scheme", ["auto"] + names, "NAME",
      "Initial weights: reference, Normal(0, init-std) everywhere; scaled, GPT-2's by width and depth, for any "
        + "size; auto, scaled for models wider than 128 or deeper than 4.")
    return Setting(
      option: option, shown: option.showing,
      field: .name(
        "config/init_scheme", .configuration(\.initialScheme.name), known: names,
        absence: .means(.string(InitialScheme.reference.rawValue))),
      apply: { options, configuration, _ in
        guard let name = options[option] else { return }
        configuration.initialScheme =
          InitialScheme(rawValue: name) ?? .automatic(for: configuration.model)
      },
      text: \.initialScheme.rawValue, argument: { "--init-scheme \($0.initialScheme.rawValue)" })
  }()

  /// Gives the length in passes over the text; the number of steps is stored.
  public static let epochs: Setting = {
    let option = Option<Int?>.integer("num-epochs", in: 1...1_000_000, "Passes over the training text.")
    return Setting(
      option: option, shown: option.showing, field: nil,
      apply: { options, configuration, length in
        guard let epochs = options[option], let length else { return }
        configuration.schedule.firstLength = epochs * length.stepsPerEpoch
      },
      text: { "\($0.schedule.firstLength) steps" }, argument: { _ in nil })
  }()

  public static let steps: Setting = {
    let option = Option<Int?>.integer(
      "num-steps", in: 1...TrainingConfiguration.mostSteps, "Steps, instead of epochs.")
    return Setting(
      option: option, shown: option.showing,
      field: .integer(
        "schedule/total_steps", .configuration(\.schedule.totalSteps), in: 1...TrainingConfiguration.mostSteps
      ),
      apply: { options, configuration, _ in
        if let steps = options[option] { configuration.schedule.firstLength = steps }
      },
      text: { String($0.schedule.firstLength) }, argument: { "--num-steps \($0.schedule.firstLength)" })
  }()

  /// A fraction of the steps; their number is stored.
  public static let warmup: Setting = {
    let option = Option<Double?>.number("warmup-frac", in: .closed(0...1), "Fraction of steps to warm up.")
    return Setting(
      option: option, shown: option.showing,
      field: .integer("schedule/warmup_steps", .configuration(\.schedule.warmupSteps)),
      apply: { options, configuration, _ in
        guard let fraction = options[option] else { return }
        configuration.schedule.warmupSteps = LearningRateSchedule.warmupSteps(
          fraction: fraction, of: configuration.schedule.firstLength)
      },
      text: { "\($0.schedule.warmupSteps) steps" },
      argument: { configuration in
        let schedule = configuration.schedule
        let fraction = shortestFraction(schedule.warmupSteps, of: schedule.firstLength)
        return fraction.count <= 6
          ? "--warmup-frac \(fraction)" : "--\(warmupSteps.name) \(schedule.warmupSteps)"
      })
  }()

  /// The same in steps.
  public static let warmupSteps: Setting = {
    let option = Option<Int?>.integer(
      "warmup-steps", in: 0...TrainingConfiguration.mostSteps, "Steps to warm up, instead of a fraction.")
    return Setting(
      option: option, shown: option.showing, field: nil,
      apply: { options, configuration, _ in
        if let steps = options[option] { configuration.schedule.warmupSteps = steps }
      },
      text: { "\($0.schedule.warmupSteps) steps" }, argument: { _ in nil })
  }()

  /// The shortest fraction that rounds to `steps` of all steps.
  private static func shortestFraction(_ steps: Int, of totalSteps: Int) -> String {
    let fraction = Double(steps) / Double(totalSteps)
    let candidates = (1...16).map { digits in
      let power = (0..<digits).reduce(1.0) { power, _ in power * 10 }
      return (fraction * power).rounded() / power
    }
    let shortest = candidates.first {
      $0 <= 1 && LearningRateSchedule.warmupSteps(fraction: $0, of: totalSteps) == steps
    }
    return decimal(shortest ?? fraction)
  }

  public static let optimizer: Setting = .choice(
    "optimizer", \.optimizer, of: Optimizers.all.map { $0.name }, "NAME", file: "optimizer/name",
    "What turns gradients into updates.")

  /// What is stored is the resulting family of kernels: `TrainingState.kernelFamily`.
  public static let matmul: Setting = {
    let option = Option<String?>.choice(
      "matmul", ["auto"] + MatrixBackend.allCases.map(\.rawValue), "NAME",
      "Kernels of the linear layers; part of what decides the bits.")
    return Setting(
      option: option, shown: option.showing, field: nil,
      apply: { options, configuration, _ in
        configuration.matmul = options[option].flatMap(MatrixBackend.init(rawValue:))
      },
      text: { $0.matmul?.rawValue ?? "auto" }, argument: { "--matmul \($0.matmul?.rawValue ?? "auto")" })
  }()
}
