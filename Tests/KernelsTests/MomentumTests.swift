// Descent with momentum against its definition in Double.

import TestSupport
import Testing

@testable import Kernels

@Suite struct MomentumTests {
  @Test func followsTheDefinition() {
    let count = 48
    var random = TestRandom(3)
    let weights = FloatArena(count: count)
    let gradient = FloatArena(count: count)
    let velocity = FloatArena(count: count)
    for i in 0..<count {
      weights.base[i] = Float(random.next(scale: 1))
      gradient.base[i] = Float(random.next(scale: 1))
    }
    var (w, u) = ((0..<count).map { Double(weights.base[$0]) }, [Double](repeating: 0, count: count))
    let (rate, momentum, decay, scale) = (0.05, 0.9, 0.1, Float(0.5))
    for _ in 0..<4 {
      momentumDescent(
        MomentumStep(learningRate: rate, momentum: momentum, weightDecay: decay, gradientScale: scale),
        weights: weights.base, gradient: gradient.base, velocity: velocity.base, count: count)
      for i in 0..<count {
        u[i] = momentum * u[i] + Double(gradient.base[i]) * Double(scale)
        w[i] = w[i] * (1 - rate * decay) - rate * u[i]
      }
    }
    for i in 0..<count {
      #expect(abs(Double(velocity.base[i]) - u[i]) < 1e-6 && abs(Double(weights.base[i]) - w[i]) < 1e-6)
    }
  }

  @Test func padsToWholeVectorsAndLeavesZerosZero() {
    let weights = FloatArena(count: 16)
    let (gradient, velocity) = (FloatArena(count: 16), FloatArena(count: 16))
    weights.base[0] = 1
    gradient.base[0] = 1
    momentumDescent(
      MomentumStep(learningRate: 1, momentum: 0.5, weightDecay: 0), weights: weights.base,
      gradient: gradient.base, velocity: velocity.base, count: 3)
    #expect(weights.base[0] == 0 && velocity.base[0] == 1)
    #expect((1..<16).allSatisfy { weights.base[$0] == 0 && velocity.base[$0] == 0 })
  }
}
