// The named sets of defaults. A preset only changes what the user did not say; help shows its values by itself.

import Corpora
import TrainingState

/// Defaults of a workflow: a corpus, what differs from the reference's mathematics, and how a run shows itself.
package struct Preset: Sendable {
  package enum Length: Sendable { case epochs(Int), steps(Int) }

  package let name: String
  package let corpus: KnownCorpus
  package let configuration: TrainingConfiguration
  package let length: Length
  package let warmupFraction: Double
  /// Of the warm-up that follows from the fraction.
  package let mostWarmupSteps: Int
  /// Whether the sizes choose the scheme of the initial weights, or that of the configuration stands.
  package let choosesInitialScheme: Bool
  package let sampleCount: Int
  package let temperature: Double
  package let sampleInterval, checkpointInterval: Int
  package let checkpoint: String

  package init(
    _ name: String, _ corpus: KnownCorpus, _ length: Length, warmupFraction: Double = 0,
    mostWarmupSteps: Int = .max, choosesInitialScheme: Bool = true, sampleCount: Int, temperature: Double,
    interval: Int, checkpoint: String,
    configure: (inout TrainingConfiguration) -> Void = { _ in }
  ) {
    self.name = name
    self.corpus = corpus
    self.length = length
    self.warmupFraction = warmupFraction
    self.mostWarmupSteps = mostWarmupSteps
    self.choosesInitialScheme = choosesInitialScheme
    self.sampleCount = sampleCount
    self.temperature = temperature
    sampleInterval = interval
    checkpointInterval = interval
    self.checkpoint = checkpoint
    var configuration = TrainingConfiguration()
    configure(&configuration)
    self.configuration = configuration
  }

  /// The first is the default.
  package static let all = [shakespeare, reference, names]

  /// The reference's model with the learning rate that it needed, and a tenth held out. A long text is warmed up to no
  /// longer than nanoGPT's GPT-2 of 600,000 steps.
  package static let shakespeare = Preset(
    "shakespeare", .tinyShakespeare, .epochs(15), warmupFraction: 0.1, mostWarmupSteps: 2_000, sampleCount: 3,
    temperature: 0.8, interval: 200, checkpoint: "checkpoints/shakespeare.jld2"
  ) {
    $0.schedule.peak = 3e-3
    $0.validationFraction = 0.1
  }

  /// Exactly MicroGPT.jl's hyperparameters.
  package static let reference = Preset(
    "reference", .tinyShakespeare, .epochs(15), warmupFraction: 0.1, choosesInitialScheme: false,
    sampleCount: 3,
    temperature: 0.8, interval: 200, checkpoint: "checkpoints/shakespeare.jld2")

  /// The task of the original microgpt.py: one name a step.
  package static let names = Preset(
    "names", .names, .steps(1000), sampleCount: 5, temperature: 0.5, interval: 0,
    checkpoint: "checkpoints/names.jld2"
  ) {
    $0.workflow = .documents
    $0.model.embeddingSize = 16
    $0.model.layerCount = 1
    $0.model.blockSize = 16
    $0.globalBatchSize = 1
    $0.microbatchSize = 1
    $0.schedule = .linear(peak: 0.01, totalSteps: 1)
    $0.beta1 = 0.85
    $0.beta2 = 0.99
  }

  /// A value of the presets as the help shows it: `128; names 16`.
  package static func defaultText(_ value: (Preset) -> String) -> String {
    let usual = value(all[0])
    let others = all.dropFirst().map { ($0.name, value($0)) }.filter { $0.1 != usual }
    // Presets that agree share their value.
    let grouped = Dictionary(grouping: others) { $0.1 }.map { value, presets in
      (presets.map(\.0).joined(separator: " and "), value)
    }
    let order = others.map(\.0)
    let sorted = grouped.sorted { first, second in
      let positions = [first, second].map { pair in order.firstIndex { pair.0.hasPrefix($0) } ?? 0 }
      return positions[0] < positions[1]
    }
    return ([usual] + sorted.map { "\($0.0) \($0.1)" }).joined(separator: "; ")
  }
}

extension Preset.Length {
  package func steps(perEpoch stepsPerEpoch: Int) -> Int {
    switch self {
    case .epochs(let epochs): epochs * stepsPerEpoch
    case .steps(let steps): steps
    }
  }
}
