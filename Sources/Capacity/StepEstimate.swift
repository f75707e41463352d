// How long a step will take, before the first, as far as this rank's own work goes.

import DataParallel
import Platform
import Reduction
import TrainingState

public struct StepEstimate: Equatable, Sendable {
  /// Of one step, without waiting for other ranks.
  public let secondsPerStep: Double
  /// Forward passes of one sequence on one thread, for validations.
  let secondsPerValidatedSequence: Double
  /// What the processors of all ranks can do, in floating-point operations per second.
  let peak: Double

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
    let ownPeak = MultiplyAddPeak.measure(threads: threads, rounds: 100_000, runs: 5)
    for number in [seconds, own.secondsPerSequence / 3, ownPeak] { writer.append(number.bitPattern) }
    var slowest = (step: 0.0, validated: 0.0)
    var peak = 0.0
    for bytes in try communicator.allgather(writer.bytes) {
      var reader = ByteReader(bytes, garbled: RuntimeFailure("the calibration of a rank arrived damaged"))
      slowest.step = max(slowest.step, Double(bitPattern: try reader.number()))
      slowest.validated = max(slowest.validated, Double(bitPattern: try reader.number()))
      peak += Double(bitPattern: try reader.number())
    }
    self.peak = peak
    (secondsPerStep, secondsPerValidatedSequence) = slowest
  }

  /// What a step costs, and what there is for it.
  public func work(of configuration: TrainingConfiguration) -> StepWork {
    StepWork(configuration: configuration, peak: peak)
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

/// The arithmetic of a step, beside what the processors of a job can do.
public struct StepWork: Sendable {
  private let configuration: TrainingConfiguration
  /// Floating-point operations per second of all ranks; 0 if nobody has measured.
  public let peak: Double

  public init(configuration: TrainingConfiguration, peak: Double) {
    self.configuration = configuration
    self.peak = peak
  }

  /// Floating-point operations of a batch with so many targets, forward and backward, as scripts/bench.py counts them: 6
  /// a weight of a linear layer and target, and attention over the pairs that the mask keeps.
  public func operations(tokens: Int) -> Double {
    let model = configuration.model
    let (C, L, V) = (Double(model.embeddingSize), Double(model.layerCount), Double(model.vocabularySize))
    let sequences = Double(configuration.globalBatchSize)
    let T = Double(tokens) / sequences
    return sequences * (6 * (12 * L * C * C + C * V) * T + 6 * C * L * T * (T + 1))
  }
}
