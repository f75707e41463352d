// What a thread of this machine does in how long: one sequence forward and backward on every thread at once, with a model
// of the same width that is no larger than a fraction of a second allows. Touches nothing of the training.

import GPTModel
import Kernels
import Platform
import TrainingState

/// The measurement of one rank.
struct Calibration {
  /// Forward and backward, while all threads do the same.
  let secondsPerSequence: Double
  /// Packing the weights and the optimizer's update, on all threads.
  let secondsPerUpdate: Double

  /// - Parameter patience: seconds for which each part is repeated; the median counts.
  init(_ configuration: TrainingConfiguration, threads: Int, patience: Double = 0.001) {
    let full = configuration.model
    let sample = Self.sample(of: full, configuration)
    let team = ThreadTeam(count: threads)
    let weights = Self.numbers(ParameterTable(sample.model).arenaCount)
    let model = PreparedModel(
      configuration: sample.model, weights: weights, backend: configuration.backend, isTraining: true)
    let places = Places(
      workspaces: (0..<threads).map { _ in SequenceWorkspace(sample.model) },
      gradients: (0..<threads).map { _ in FloatArena(count: weights.count) })
    let tokens = (0...sample.rows).map { Int32($0 % sample.model.vocabularySize) }

    func median(_ body: () -> Void) -> Double {
      let begin = monotonicSeconds()
      var seconds: [Double] = []
      repeat {
        let start = monotonicSeconds()
        body()
        seconds.append(monotonicSeconds() - start)
      } while monotonicSeconds() - begin < patience
      return seconds.sorted()[seconds.count / 2]
    }
    let packing = median { team.run(model.preparationCount) { index, _ in model.prepare(index) } }
    let sequence = median {
      team.run(threads) { piece, _ in
        _ = model.leafLossAndGradient(
          CollectionOfOne(tokens), gradientScale: 1, into: places.gradients[piece].base,
          places.workspaces[piece])
      }
    }
    let optimizer = Optimizers.named(configuration.optimizer)?.init(configuration)
    let momentCount = Optimizers.named(configuration.optimizer)?.momentKeys.count ?? 0
    let moments = (0..<momentCount).map { _ in FloatArena(count: weights.count) }
    let update = median {
      optimizer?.update(
        weights, moments: moments, gradient: places.gradients[0], step: 1, learningRate: 1e-6,
        gradientScale: 1, team: team)
    }
    let size = Double(ParameterTable(full).arenaCount) / Double(weights.count)
    secondsPerUpdate = (packing + update) * size
    secondsPerSequence =
      sequence * Self.work(full, rows: full.blockSize) / Self.work(sample.model, rows: sample.rows)
  }

  /// Each is used by one thread at a time.
  private struct Places: @unchecked Sendable {
    let workspaces: [SequenceWorkspace]
    let gradients: [FloatArena]
  }

  /// Floating-point operations of one sequence, forward and backward: the linear layers, and causal attention.
  static func work(_ model: GPTConfiguration, rows: Int) -> Double {
    let (C, L) = (Double(model.embeddingSize), Double(model.layerCount))
    let (V, T) = (Double(model.vocabularySize), Double(rows))
    return 6 * T * (12 * L * C * C + C * V) + 7 * T * T * C * L
  }

  /// The model itself if it is small, else fewer layers, then fewer rows.
  private static func sample(
    of model: GPTConfiguration, _ configuration: TrainingConfiguration
  ) -> (model: GPTConfiguration, rows: Int) {
    let step = work(model, rows: model.blockSize) * Double(configuration.globalBatchSize)
    // A tenth of a second on a slow core; more only where a step takes a minute.
    let most = min(max(3e9, 0.002 * step), 2e10)
    var sample = model
    while sample.layerCount > 1, work(sample, rows: model.blockSize) > most {
      sample.layerCount = (sample.layerCount + 1) / 2
    }
    while sample.blockSize > 16, work(sample, rows: sample.blockSize) > most { sample.blockSize /= 2 }
    return (sample, sample.blockSize)
  }

  /// Small numbers, none denormal.
  private static func numbers(_ count: Int) -> FloatArena {
    let arena = FloatArena(count: count)
    for index in 0..<count { arena.base[index] = Float((index &* 0x9E37 & 0xFF) - 128) * 1e-4 }
    return arena
  }
}
