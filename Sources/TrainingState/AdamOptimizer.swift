// Adam with bias correction (Kingma & Ba, 2015) and decoupled weight decay (Loshchilov & Hutter, 2019).

import Kernels

public struct AdamOptimizer: Optimizer {
  public static let name = "adam"
  /// First and second moments.
  public static let momentKeys = ["m", "v"]
  private let beta1, beta2, epsilon, weightDecay: Double

  public init(_ configuration: TrainingConfiguration) {
    beta1 = configuration.beta1
    beta2 = configuration.beta2
    epsilon = configuration.epsilon
    weightDecay = configuration.weightDecay
  }

  public func update(
    _ weights: FloatArena, moments: [FloatArena], gradient: FloatArena, range: Range<Int>,
    _ numbers: OptimizerStep
  ) {
    let step = AdamStep(
      step: numbers.step, learningRate: numbers.learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weightDecay: weightDecay, gradientScale: Float(numbers.gradientScale))
    let first = range.lowerBound
    adam(
      step, weights: weights.base + first, gradient: gradient.base + first, m: moments[0].base + first,
      v: moments[1].base + first, count: range.count)
  }
}
