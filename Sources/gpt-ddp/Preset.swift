// The named sets of defaults. A preset only changes what the user did not say.

import Training

/// Defaults of a workflow.
struct Preset {
  let name: String
  let workflow: Workflow
  let corpus: KnownCorpus
  let embeddingSize, layerCount, headCount, blockSize: Int
  let batchSize, microbatchSize: Int
  /// Passes over the text, or steps where the workflow counts those.
  let epochs: Int?
  let steps: Int?
  let learningRate, warmupFraction, beta1, beta2: Double
  let validationFraction: Double
  let samples: Int
  let temperature: Double
  let sampleInterval, checkpointInterval: Int
  let checkpoint: String

  static let all = [shakespeare, reference, names]
  static func named(_ name: String) -> Preset { all.first { $0.name == name } ?? shakespeare }

  /// The reference's model with the learning rate that it needed, and a tenth held out.
  static let shakespeare = chunks("shakespeare", learningRate: 3e-3, validationFraction: 0.1)
  /// Exactly the reference's hyperparameters.
  static let reference = chunks("reference", learningRate: 3e-4, validationFraction: 0)

  private static func chunks(
    _ name: String, learningRate: Double, validationFraction: Double
  ) -> Preset {
    Preset(
      name: name, workflow: .chunks, corpus: .tinyShakespeare, embeddingSize: 128, layerCount: 4,
      headCount: 4, blockSize: 256, batchSize: 32, microbatchSize: 4, epochs: 15, steps: nil,
      learningRate: learningRate, warmupFraction: 0.1, beta1: 0.9, beta2: 0.98,
      validationFraction: validationFraction, samples: 3, temperature: 0.8, sampleInterval: 200,
      checkpointInterval: 200, checkpoint: "checkpoints/shakespeare.jld2")
  }

  /// The original microgpt task: one name a step.
  static let names = Preset(
    name: "names", workflow: .documents, corpus: .names, embeddingSize: 16, layerCount: 1, headCount: 4,
    blockSize: 16, batchSize: 1, microbatchSize: 1, epochs: nil, steps: 1000, learningRate: 0.01,
    warmupFraction: 0, beta1: 0.85, beta2: 0.99, validationFraction: 0, samples: 5, temperature: 0.5,
    sampleInterval: 0, checkpointInterval: 0, checkpoint: "checkpoints/names.jld2")
}
