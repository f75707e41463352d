// The kernels of a step on one thread, without training: where a sequence's time goes, and how close the
// linear layers and attention come to the peak.

import GPTModel
import Platform
import TrainingState

enum KernelBenchmark {
  /// Seconds and operations of one kind of work, for one sequence forward and backward.
  struct Row {
    let kind: String
    let seconds: Double
    /// Floating-point operations, two per multiply-add; nil for memory-bound work.
    let operations: Double?
  }

  /// Means over `count` full-length sequences.
  static func rows(_ count: Int, _ configuration: TrainingConfiguration) -> [Row] {
    let sizes = configuration.model
    let table = ParameterTable(sizes)
    let model = PreparedModel(
      configuration: sizes, weights: table.initialWeights(seed: 1, standardDeviation: 0.02),
      backend: configuration.backend, isTraining: true)
    model.prepareAll()
    let workspace = SequenceWorkspace(sizes)
    let gradient = UnsafeMutablePointer<Float>.allocate(capacity: table.arenaCount + 64)
    defer { gradient.deallocate() }
    let tokens = (0...sizes.blockSize).map { Int32($0 * 7 % sizes.vocabularySize) }
    // Two warm-up rounds: memory and caches are cold.
    for round in 0..<count + 2 {
      workspace.profile.isEnabled = round >= 2
      _ = model.leafLossAndGradient([tokens], gradientScale: 1, into: gradient, workspace)
    }
    let (T, C) = (Double(sizes.blockSize), Double(sizes.embeddingSize))
    let (L, V) = (Double(sizes.layerCount), Double(sizes.vocabularySize))
    // Forward and both gradients: three products. Attention: two products forward, four backward, half of
    // each masked.
    let operations: [ModelProfile.Kind: Double] = [
      .linear: 6 * T * (12 * L * C * C + C * V), .attention: 6 * T * T * C * L,
    ]
    return ModelProfile.Kind.allCases.map {
      Row(kind: "\($0)", seconds: workspace.profile[$0] / Double(count), operations: operations[$0])
    }
  }
}
