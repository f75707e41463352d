// Adam's state and its update, the same on every rank: it sees only the reduced gradient.

import Foundation
import GPTModel
import Kernels

/// Adam over one weight arena (Kingma & Ba, 2015; bias-corrected).
public final class AdamOptimizer {
  public let weights: FloatArena
  /// First and second moments, laid out like the weights.
  public let m: FloatArena
  public let v: FloatArena
  /// Updates so far.
  public private(set) var step: Int
  private let beta1, beta2, epsilon, weightDecay: Double

  public init(
    weights: FloatArena, configuration: TrainingConfiguration, resuming state: TrainingState.Optimizer? = nil
  ) {
    self.weights = weights
    m = state?.m ?? FloatArena(count: weights.count)
    v = state?.v ?? FloatArena(count: weights.count)
    step = state?.step ?? 0
    beta1 = configuration.beta1
    beta2 = configuration.beta2
    epsilon = configuration.epsilon
    weightDecay = configuration.weightDecay
  }

  /// One update with the reduced gradient, which is scaled by `gradientScale` on the way.
  public func update(
    gradient: FloatArena, learningRate: Double, gradientScale: Double, team: ThreadTeam
  ) {
    step += 1
    let numbers = AdamStep(
      step: step, learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weightDecay: weightDecay, gradientScale: Float(gradientScale))
    let (weights, m, v) = (weights, m, v)
    // Pieces of whole vectors; small models are one piece.
    let piece = 1 << 16
    let count = weights.count
    team.run((count + piece - 1) / piece) { index, _ in
      let first = index * piece
      adam(
        numbers, weights: weights.base + first, gradient: gradient.base + first, m: m.base + first,
        v: v.base + first, count: min(piece, count - first))
    }
  }

  /// State for a checkpoint; shares memory with the optimizer.
  var state: TrainingState.Optimizer {
    var state = TrainingState.Optimizer(m: m, v: v)
    state.step = step
    state.beta1 = beta1
    state.beta2 = beta2
    state.epsilon = epsilon
    state.weightDecay = weightDecay
    return state
  }
}
