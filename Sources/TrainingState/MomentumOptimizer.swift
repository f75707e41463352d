// Stochastic gradient descent with momentum (Polyak, 1964; Sutskever et al., 2013) and decoupled weight
// decay.

import Kernels

public struct MomentumOptimizer: Optimizer {
  public static let name = "sgd"
  /// The velocity.
  public static let momentKeys = ["m"]
  private let momentum, weightDecay: Double

  public init(_ configuration: TrainingConfiguration) {
    momentum = configuration.beta1
    weightDecay = configuration.weightDecay
  }

  public func update(
    _ weights: FloatArena, moments: [FloatArena], gradient: FloatArena, range: Range<Int>,
    _ numbers: OptimizerStep
  ) {
    let step = MomentumStep(
      learningRate: numbers.learningRate, momentum: momentum, weightDecay: weightDecay,
      gradientScale: Float(numbers.gradientScale))
    let first = range.lowerBound
    momentumDescent(
      step, weights: weights.base + first, gradient: gradient.base + first, velocity: moments[0].base + first,
      count: range.count)
  }
}
