// The update of gradient descent with momentum over a range of a flat arena (Polyak, 1964, in the form of
// Sutskever et al., 2013), with optional decoupled weight decay.

/// The numbers of one update, the same for every element.
public struct MomentumStep: Sendable {
  let learningRate, momentum, decay: Float
  let gradientScale: Float

  /// - Parameter gradientScale: multiplies every gradient; 1 leaves gradients unchanged.
  public init(learningRate: Double, momentum: Double, weightDecay: Double, gradientScale: Float = 1) {
    self.learningRate = Float(learningRate)
    self.momentum = Float(momentum)
    decay = Float(1 - learningRate * weightDecay)
    self.gradientScale = gradientScale
  }
}

/// u = μu + g, w = w·decay − lr·u for `count` elements, rounded up to a multiple of 16 (padding between
/// tensors is zero in all three and stays zero).
public func momentumDescent(
  _ step: MomentumStep, weights: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
  velocity: UnsafeMutablePointer<Float>, count: Int
) {
  for i in stride(from: 0, to: count, by: laneCount) {
    let newVelocity = velocity.lanes(i) * step.momentum + gradient.lanes(i) * step.gradientScale
    velocity.store(newVelocity, i)
    weights.store(weights.lanes(i) * step.decay - newVelocity * step.learningRate, i)
  }
}
