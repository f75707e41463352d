// What an optimizer is to the rest of the house. To add one: its kernel in Kernels, a type like `AdamOptimizer` here,
// its name in `Optimizers.all`.

import Kernels
import Platform

/// The update of the weights, the same on every rank: it sees only the reduced gradient.
public protocol Optimizer: Sendable {
  /// In `--optimizer` and in a checkpoint's `/optimizer/name`.
  static var name: String { get }
  /// Names of its moments, which a checkpoint keeps as `/optimizer/<key>`. Each is laid out like the weights and
  /// zero at first.
  static var momentKeys: [String] { get }

  init(_ configuration: TrainingConfiguration)

  /// Updates a part of the weights and of each moment.
  ///
  /// - Parameters:
  ///   - range: elements of the arenas; begins at a multiple of 16.
  ///   - numbers: of this step.
  func update(
    _ weights: FloatArena, moments: [FloatArena], gradient: FloatArena, range: Range<Int>,
    _ numbers: OptimizerStep)
}

/// The numbers of one update.
public struct OptimizerStep: Sendable {
  /// From 1.
  public let step: Int
  public let learningRate: Double
  /// Factor on every gradient: the weight of uneven batches, and clipping.
  public let gradientScale: Double
}

public enum Optimizers {
  /// The first is the default.
  public static let all: [any Optimizer.Type] = [AdamOptimizer.self, MomentumOptimizer.self]
  public static func named(_ name: String) -> (any Optimizer.Type)? { all.first { $0.name == name } }
}

extension Optimizer {
  /// The whole update, in pieces that the threads share. Which thread takes which piece decides nothing.
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
