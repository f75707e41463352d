// How long a step will take, before the first: one sequence forward and backward on every thread at once, with a model
// of the same width that is no larger than a fraction of a second allows. Touches nothing of the training.

import DataParallel
import GPTModel
import Kernels
import Platform
import Reduction
import TrainingState

public struct StepEstimate: Equatable, Sendable {
  /// Of one step, without waiting for other ranks.
  public let secondsPerStep: Double
  /// Forward passes of one sequence on one thread, for validations.
  let secondsPerValidatedSequence: Double

  /// Measures, and asks all ranks: the slowest decides. All of them call this.
  public init(
    _ configuration: TrainingConfiguration, threads: Int, communicator: Communicator
  ) throws {
    let own = Calibration(configuration, threads: threads)
    let leaves = LeafIntervals(leafCount: configuration.leafCount, worldSize: communicator.worldSize)[
      communicator.rank
    ].count
    let sequences = min(
      (leaves + threads - 1) / threads * configuration.microbatchSize,
      configuration.globalBatchSize)
    let seconds = Double(sequences) * own.secondsPerSequence + own.secondsPerUpdate
    var writer = ByteWriter()
    for number in [seconds, own.secondsPerSequence / 3] { writer.append(number.bitPattern) }
    var slowest = (step: 0.0, validated: 0.0)
    for bytes in try communicator.allgather(writer.bytes) {
      var reader = ByteReader(bytes, garbled: RuntimeFailure("the calibration of a rank arrived damaged"))
      slowest.step = max(slowest.step, Double(bitPattern: try reader.number()))
      slowest.validated = max(slowest.validated, Double(bitPattern: try reader.number()))
    }
    (secondsPerStep, secondsPerValidatedSequence) = slowest
  }

  /// - Parameters:
  ///   - steps: still to be done.
  ///   - validations: among them, of so many `sequences` each, shared by `workers` threads of all ranks.
  public func seconds(steps: Int, validations: Int, of sequences: Int, workers: Int) -> Double {
    let rounds = (sequences + workers - 1) / max(1, workers)
    return Double(steps) * secondsPerStep
      + Double(validations) * Double(rounds) * secondsPerValidatedSequence
  }
}

/// The measurement of one rank.
private struct Calibration {
  /// Forward and backward, while all threads do the same.
  let secondsPerSequence: Double
  /// Packing the weights and the optimizer's update, on all threads.
  let secondsPerUpdate: Double

  init(_ configuration: TrainingConfiguration, threads: Int) {
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

    func shortest(_ body: () -> Void) -> Double {
      let begin = monotonicSeconds()
      var best = Double.infinity
      repeat {
        let start = monotonicSeconds()
        body()
        best = min(best, monotonicSeconds() - start)
      } while monotonicSeconds() - begin < Self.shortSeconds
      return best
    }
    let packing = shortest { team.run(model.preparationCount) { index, _ in model.prepare(index) } }
    let sequence = shortest {
      team.run(threads) { piece, _ in
        _ = model.leafLossAndGradient(
          CollectionOfOne(tokens), gradientScale: 1, into: places.gradients[piece].base,
          places.workspaces[piece])
      }
    }
    let optimizer = Optimizers.named(configuration.optimizer)?.init(configuration)
    let momentCount = Optimizers.named(configuration.optimizer)?.momentKeys.count ?? 0
    let moments = (0..<momentCount).map { _ in FloatArena(count: weights.count) }
    let update = shortest {
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

  /// A measurement of a small model is repeated until this has passed.
  private static let shortSeconds = 0.001

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
