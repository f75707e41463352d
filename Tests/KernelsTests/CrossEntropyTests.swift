// Softmax cross-entropy and the exponential beneath it.

import Foundation
import TestSupport
import Testing

@testable import Kernels

@Suite("Cross-entropy") struct CrossEntropyTests {
  @Test(arguments: Array(1...40) + [47, 48, 49, 66, 100])
  func matchesTheTwin(columns: Int) {
    let rows = 1 + columns % 7
    // The least that is allowed, and what the model uses.
    for stride in [(columns + 15) / 16 * 16, paddedStride(columns)] {
      var random = TestRandom(columns)
      let logits = Matrix(rows, columns, random: &random, scale: 5)
      let targets = random.tokens(rows, vocabulary: columns)
      let expected = Twin.crossEntropy(logits: logits, targets: targets, gradientScale: 0.25)
      let floats = GuardedMatrix(logits, stride: stride)
      let loss = crossEntropy(
        logits: floats.base, targets: targets, rows: rows, columns: columns, stride: stride,
        gradientScale: 0.25)
      let name = "\(rows) × \(columns), stride \(stride)"
      expectClose(
        [loss], Matrix(1, 1, [expected.loss]), tolerance: 1e-6, scale: Double(rows), "loss, \(name)")
      floats.expect(expected.gradient, tolerance: 1e-6, scale: 0.25, "dlogits, \(name)")
      floats.expectUntouchedOutside(writable: (columns + 15) / 16 * 16, name)

      let again = GuardedMatrix(logits, stride: stride)
      let lossOnly = crossEntropy(
        logits: again.base, targets: targets, rows: rows, columns: columns, stride: stride, gradientScale: nil
      )
      #expect(lossOnly == loss, "the loss does not depend on whether a gradient is asked for")
    }
  }

  @Test(arguments: [1, 2, 5, 17])
  func twinGradient(columns: Int) {
    var random = TestRandom(columns)
    let logits = Matrix(3, columns, random: &random, scale: 3)
    let targets = random.tokens(3, vocabulary: columns)
    expectGradient(
      Twin.crossEntropy(logits: logits, targets: targets).gradient,
      of: { Twin.crossEntropy(logits: $0, targets: targets).loss }, at: logits, scale: 1, "dlogits")
  }

  /// Scores as large as Float holds: the loss is finite where its value is, and no gradient is NaN.
  @Test(arguments: [1e2, 1e4, 1e30])
  func largeScoresMakeNoNaN(size: Double) {
    let columns = 21
    var values = [Double](repeating: -size, count: columns)
    values[3] = size
    for target in [3, 4] {
      let logits = GuardedMatrix(Matrix(1, columns, values), stride: 32)
      let loss = crossEntropy(
        logits: logits.base, targets: [Int32(target)], rows: 1, columns: columns, stride: 32, gradientScale: 1
      )
      expectClose(
        [loss], Matrix(1, 1, [target == 3 ? 0 : 2 * size]), tolerance: 1e-6, scale: size, "loss at ±\(size)")
      var expected = Matrix(1, columns)
      if target == 4 { (expected[0, 3], expected[0, 4]) = (1, -1) }
      logits.expect(expected, tolerance: 1e-6, scale: 1, "dlogits at ±\(size)")
    }
  }

  /// A NaN must come out as one, so that training stops instead of going on with nonsense.
  @Test(arguments: [0, 7, 15, 16, 20])
  func aNaNIsNotHidden(index: Int) {
    let logits = GuardedMatrix(Matrix(1, 21, repeating: 1), stride: 32)
    logits[0, index] = .nan
    let loss = crossEntropy(
      logits: logits.base, targets: [2], rows: 1, columns: 21, stride: 32, gradientScale: 1)
    #expect(loss.isNaN)
  }

  @Test(arguments: Array(1...40))
  func maximumIsTheLargestOfTheFirst(count: Int) {
    var random = TestRandom(count)
    for place in 0..<count {
      let x = GuardedMatrix(Matrix(1, count, random: &random), stride: (count + 15) / 16 * 16)
      x[0, place] = -0.5 + Float(place)
      #expect(Kernels.maximum(x.base, count: count) == x.values.max())
    }
  }

  /// At most two units in the last place from the true value over the whole range.
  @Test func exponentialIsExactToTwoUnits() {
    var worst = 0.0
    var worstAt: Float = 0
    for block in 0..<20_000 {
      let x = (0..<16).map { lane in -87 * Float(block * 16 + lane) / 320_000 }
      let y = SIMD16<Float>(x).exponential
      for lane in 0..<16 {
        let expected = exp(Double(x[lane]))
        let error = abs(Double(y[lane]) - expected) / Double(Float(expected).ulp)
        if !(error <= worst) { (worst, worstAt) = (error, x[lane]) }
      }
    }
    #expect(worst <= 2, "e^\(worstAt) is off by \(worst) units in the last place")
  }

  @Test func exponentialAtItsEnds() {
    let x: [Float] = [0, -0, -1e-30, -87, -87.01, -88, -104, -1e10, -.infinity, -.greatestFiniteMagnitude]
    for value in x {
      let y = SIMD16<Float>(repeating: value).exponential[0]
      #expect(value >= -1e-30 ? y == 1 : value >= -87 ? y > 0 : y == 0, "e^\(value) is \(y)")
    }
    #expect(SIMD16<Float>(repeating: .nan).exponential[5].isNaN)
  }

  /// Whole vectors are written, zeros behind the count, and nothing farther; in place too.
  @Test(arguments: 1...40)
  func exponentialsMatchTheTwin(count: Int) {
    let padded = (count + 15) / 16 * 16
    var random = TestRandom(count)
    let values = Matrix(1, count, random: &random, scale: 4)
    let expected = Matrix(1, count, values.values.map { exp(($0 - 4) * 0.5) })
    let (x, y) = (GuardedMatrix(values, stride: padded), GuardedMatrix(1, padded))
    let sum = exponentials(of: x.base, minus: 4, times: 0.5, into: y.base, count: count)
    expectClose(Array(y.values.prefix(count)), expected, tolerance: 5e-7, "exponentials")
    #expect(y.values.dropFirst(count).allSatisfy { $0 == 0 })
    y.expectUntouchedOutside("exponentials")
    expectClose([sum], Matrix(1, 1, [expected.values.reduce(0, +)]), tolerance: 1e-6, "sum")
    let inPlace = exponentials(of: x.base, minus: 4, times: 0.5, into: x.base, count: count)
    expectSameBits([inPlace] + x.values, [sum] + Array(y.values.prefix(count)), "in place")
  }
}
