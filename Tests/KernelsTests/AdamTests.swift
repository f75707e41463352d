// Adam against the textbook algorithm, one weight at a time in Double, over several steps.

import Foundation
import Kernels
import TestSupport
import Testing

/// Weights, gradient and moments of one range, padded with zeros to whole vectors as arenas are.
private struct AdamState {
  let weights, gradient, m, v: GuardedMatrix
  let count: Int

  init(weights values: [Double]) {
    count = values.count
    let padded = (count + 15) / 16 * 16
    func zeros() -> GuardedMatrix { GuardedMatrix(Matrix(1, padded)) }
    (weights, gradient, m, v) = (zeros(), zeros(), zeros(), zeros())
    for (index, value) in values.enumerated() { weights[0, index] = Float(value) }
  }

  func update(_ step: AdamStep) {
    adam(
      step, weights: weights.base, gradient: gradient.base, m: m.base, v: v.base, count: count)
  }
}

@Suite("Adam") struct AdamTests {
  @Test(arguments: [1, 15, 16, 17, 100], [(0.9, 0.98, 0.0), (0.85, 0.99, 0.0), (0.9, 0.98, 0.1)])
  func matchesTheTwin(count: Int, setting: (beta1: Double, beta2: Double, decay: Double)) {
    var random = TestRandom(count)
    let start = Matrix(1, count, random: &random).values
    let state = AdamState(weights: start)
    var twins = start.map { Twin.Adam(weight: $0) }
    let learningRate = 3e-3
    for step in 1...12 {
      // Sizes from 1e-7 (where epsilon counts) to 10.
      for index in 0..<count {
        let g = random.next(scale: pow(10, Double(index % 9) - 7))
        state.gradient[0, index] = Float(g)
        twins[index].update(
          gradient: Double(Float(g)), step: step, learningRate: learningRate, beta1: setting.beta1,
          beta2: setting.beta2, epsilon: 1e-8, weightDecay: setting.decay)
      }
      state.update(
        AdamStep(
          step: step, learningRate: learningRate, beta1: setting.beta1, beta2: setting.beta2, epsilon: 1e-8,
          weightDecay: setting.decay))
    }
    // A step is about a learning rate: the error allowed is a thousandth of one after twelve of them.
    expectClose(
      Array(state.weights.values.prefix(count)), Matrix(1, count, twins.map(\.weight)), tolerance: 1e-3,
      scale: learningRate, "weights")
    for (index, twin) in twins.enumerated() {
      // Each moment by its own size: they span 16 orders of magnitude.
      let gradientSize = pow(10, Double(index % 9) - 7)
      expectClose(
        [state.m[0, index]], Matrix(1, 1, [twin.m]), tolerance: 2e-6, scale: gradientSize, "m[\(index)]")
      expectClose([state.v[0, index]], Matrix(1, 1, [twin.v]), tolerance: 1e-5, "v[\(index)]")
    }
    for (name, tensor) in [("weights", state.weights), ("m", state.m), ("v", state.v)] {
      #expect(tensor.values.dropFirst(count).allSatisfy { $0 == 0 }, "padding of \(name) stays zero")
      tensor.expectUntouchedOutside(name)
    }
  }

  /// Bias correction: with a constant gradient, m̂ = g and v̂ = g² at every step, so each step moves a weight by
  /// the learning rate, whatever the gradient's size. Without it the first would move by 0.1/√0.02 of that.
  @Test(arguments: [1e-3, 1, 1e3], [1, 2, 10])
  func biasCorrectionMakesStepsOfTheLearningRate(gradient: Double, steps: Int) {
    let state = AdamState(weights: [1, -1])
    for step in 1...steps {
      (state.gradient[0, 0], state.gradient[0, 1]) = (Float(gradient), Float(-gradient))
      state.update(
        AdamStep(step: step, learningRate: 0.01, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0))
    }
    let moved = 0.01 * Double(steps)
    expectClose(
      Array(state.weights.values.prefix(2)), Matrix(1, 2, [1 - moved, moved - 1]), tolerance: 2e-6, scale: 1,
      "weights after \(steps) steps")
  }

  @Test func noGradientChangesNothing() {
    var random = TestRandom(2)
    let state = AdamState(weights: Matrix(1, 40, random: &random).values)
    let before = state.weights.values
    for step in 1...3 {
      state.update(
        AdamStep(step: step, learningRate: 0.1, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0))
    }
    expectSameBits(state.weights.values, before, "weights")
  }

  @Test func decayIsDecoupledFromTheGradient() {
    let state = AdamState(weights: [2])
    state.update(
      AdamStep(step: 1, learningRate: 0.5, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.1))
    #expect(state.weights[0, 0] == 2 * 0.95)
    #expect(state.m[0, 0] == 0 && state.v[0, 0] == 0)
  }

  /// Scaling by a power of two is exact: the same bits as a gradient that was that size.
  @Test func gradientScaleIsAFactorOnTheGradient() {
    var random = TestRandom(6)
    let start = Matrix(1, 33, random: &random).values
    let gradients = Matrix(1, 33, random: &random).values
    let (scaled, plain) = (AdamState(weights: start), AdamState(weights: start))
    for index in 0..<33 {
      scaled.gradient[0, index] = Float(gradients[index])
      plain.gradient[0, index] = Float(gradients[index]) * 0.25
    }
    func step(_ scale: Float) -> AdamStep {
      AdamStep(
        step: 1, learningRate: 0.1, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0,
        gradientScale: scale)
    }
    scaled.update(step(0.25))
    plain.update(step(1))
    expectSameBits(scaled.weights.values + scaled.v.values, plain.weights.values + plain.v.values, "scaled")
  }
}
