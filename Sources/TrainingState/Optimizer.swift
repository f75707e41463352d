// The interface of an optimizer to the other modules. To add one: its kernel in Kernels, a type like
// `AdamOptimizer` here, its name in `Optimizers.all`.

import Kernels
import Platform

/// The update of the weights, the same on every rank: it sees only the reduced gradient.
public protocol Optimizer: Sendable {
  /// In `--optimizer` and in a checkpoint's `/optimizer/name`.
  static var name: String { get }
  /// Names of its moments, which a checkpoint keeps as `/optimizer/<key>`. Each is laid out like the weights
  /// and starts at zero.
  static var momentKeys: [String] { get }

  init(_ configuration: TrainingConfiguration)

  /// Updates a part of the weights and of each moment.
  ///
  /// - Parameters:
  ///   - range: elements of the arenas; starts at a multiple of 16.
  ///   - numbers: for this step.
  func update(
    _ weights: FloatArena, moments: [FloatArena], gradient: FloatArena, range: Range<Int>,
    _ numbers: OptimizerStep)
}

/// The numbers of one update.
public struct OptimizerStep: Sendable {
  /// From 1.
  public let step: Int
  public let learningRate: Double
  /// Multiplies every gradient: weights uneven batches, and clips.
  public let gradientScale: Double
}

public enum Optimizers {
  /// The first is the default.
  public static let all: [any Optimizer.Type] = [AdamOptimizer.self, MomentumOptimizer.self]
  public static func named(_ name: String) -> (any Optimizer.Type)? { all.first { $0.name == name } }
}

extension Optimizer {
  /// The whole update, in pieces shared by the threads. Which thread takes which piece has no effect.
  public func update(
    _ weights: FloatArena, moments: [FloatArena], gradient: FloatArena, step: Int, learningRate: Double,
    gradientScale: Double, team: ThreadTeam
  ) {
    let numbers = OptimizerStep(step: step, learningRate: learningRate, gradientScale: gradientScale)
    // Whole vectors; a small model is one piece.
    let piece = 1 << 16
    let count = weights.count
    team.run((count + piece - 1) / piece) { index, _ in
      update(
        weights, moments: moments, gradient: gradient,
        range: index * piece..<min((index + 1) * piece, count), numbers)
    }
  }
}
