// How fast this job's processors compute, and its ranks exchange a gradient of the model.

import Capacity
import DataParallel
import GPTModel
import Kernels
import Platform
import TrainingState

public enum SpeedExamination {
  /// Of this host: the peak of one core and of all that a training would use, and which part of it the model reaches.
  ///
  /// - Parameters:
  ///   - threads: of all ranks of the host.
  ///   - figures: measured before.
  public static func peak(threads: Int, _ figures: ScaleFigures) -> Finding {
    let one = MultiplyAddPeak.measure()
    let all = threads > 1 ? MultiplyAddPeak.measure(threads: threads) : one
    func giga(_ value: Double) -> String { Readable.fixed(value / 1e9, digits: value < 99.5e9 ? 1 : 0) }
    let share = figures.operationsPerSecond / one
    let several = threads > 1 ? ", \(giga(all)) on \(threads) at once" : ""
    let text =
      "\(giga(one)) GFLOP/s a core\(several); a sequence of this model runs at "
      + "\(Readable.fixed(100 * share, digits: 0)) %"
    guard all < 0.8 * Double(threads) * one else { return Finding(.good, "peak", text) }
    return Finding(
      .note, "peak",
      text
        + ": together they are slower than each alone, because other programs run or cores are shared (SMT); try "
        + "fewer ranks or --threads")
  }

  /// Of all ranks, which call this together.
  ///
  /// - Returns: the slowest rank's median seconds for one reduction of a gradient.
  public static func exchangeSeconds(
    _ configuration: TrainingConfiguration, _ communicator: Communicator
  ) throws -> Double {
    var exchange = try TimedExchange(configuration, communicator)
    var seconds: [Double] = []
    let begin = monotonicSeconds()
    for _ in 1...10 {
      seconds.append(try exchange.reduce())
      // Large models, slow wires: once is enough. All ranks must say so.
      let isLate = monotonicSeconds() - begin > 5
      if try communicator.allgather([isLate ? 1 : 0]).contains([1]) { break }
    }
    return try communicator.slowest(seconds.sorted()[seconds.count / 2])
  }

  /// - Parameter ranks: `2 ranks of this host`
  public static func exchange(
    seconds: Double, _ configuration: TrainingConfiguration, among ranks: String, step: Double
  ) -> Finding {
    let bytes = ParameterTable(configuration.model).arenaCount * MemoryLayout<Float>.size
    let text =
      "\(ranks) add their gradients of \(Readable.bytes(bytes)) in \(Readable.fixed(1e3 * seconds, digits: 2)) ms"
    guard seconds > 0.2 * step else { return Finding(.good, "exchange", text) }
    return Finding(
      .note, "exchange",
      text
        + ", a step takes \(Readable.duration(seconds: step)): fewer ranks with more --threads, or a larger "
        + "--batch-size, exchange less")
  }
}
