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
