// Adam's update over a range of a flat arena (Kingma & Ba, 2015), with optional decoupled weight decay
// (Loshchilov & Hutter, 2019).

/// The numbers of one update, the same for every element.
public struct AdamStep: Sendable {
  let learningRate, beta1, beta2, epsilon, decay: Float
  let firstCorrection, secondCorrection: Float
  let gradientScale: Float

  /// - Parameters:
  ///   - step: from 1.
  ///   - gradientScale: multiplies every gradient, for clipping; 1 leaves gradients unchanged.
  public init(
    step: Int, learningRate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double,
    gradientScale: Float = 1
  ) {
    self.learningRate = Float(learningRate)
    self.beta1 = Float(beta1)
    self.beta2 = Float(beta2)
    self.epsilon = Float(epsilon)
    decay = Float(1 - learningRate * weightDecay)
    firstCorrection = Float(1 / (1 - power(beta1, step)))
    secondCorrection = Float(1 / (1 - power(beta2, step)))
    self.gradientScale = gradientScale
  }
}

/// base^exponent by squaring: plain multiplications instead of libm's pow, which differs between systems.
private func power(_ base: Double, _ exponent: Int) -> Double {
  var (result, factor, rest) = (1.0, base, exponent)
  while rest > 0 {
    if rest & 1 == 1 { result *= factor }
    factor *= factor
    rest >>= 1
  }
  return result
}

/// m = β₁m + (1−β₁)g, v = β₂v + (1−β₂)g², w = w·decay − lr·m̂/(√v̂ + ε) for `count` elements, rounded up to a
/// multiple of 16 (padding between tensors is zero in all four and stays zero).
public func adam(
  _ step: AdamStep, weights: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
  m: UnsafeMutablePointer<Float>, v: UnsafeMutablePointer<Float>, count: Int
) {
  for i in Swift.stride(from: 0, to: count, by: laneCount) {
    let g = gradient.lanes(i) * step.gradientScale
    let newM = m.lanes(i) * step.beta1 + g * (1 - step.beta1)
    let newV = v.lanes(i) * step.beta2 + g * g * (1 - step.beta2)
    m.store(newM, i)
    v.store(newV, i)
    let denominator = (newV * step.secondCorrection).squareRoots + step.epsilon
    let update = newM * step.firstCorrection / denominator
    weights.store(weights.lanes(i) * step.decay - update * step.learningRate, i)
  }
}
