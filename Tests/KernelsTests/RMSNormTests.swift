// RMSNorm and the sums behind it, against the twin; the twin against central differences.

import TestSupport
import Testing

@testable import Kernels

@Suite("RMSNorm") struct RMSNormTests {
  @Test(arguments: Array(1...40) + [63, 64, 65, 100, 128, 512])
  func matchesTheTwin(columns: Int) {
    for (rows, scale) in [(1, 1.0), (3, 1e-3), (7, 100)] {
      var random = TestRandom(columns + rows)
      let x = Matrix(rows, columns, random: &random, scale: scale)
      let expected = Twin.rmsNorm(x)
      let stride = columns + rows
      let (floatX, y) = (GuardedMatrix(x, stride: stride), GuardedMatrix(rows, columns, stride: stride))
      let scales = GuardedMatrix(1, rows)
      rmsNorm(floatX.base, into: y.base, scales: scales.base, rows: rows, columns: columns, stride: stride)
      y.expect(expected.y, tolerance: 1e-6, "y (\(rows) × \(columns))")
      scales.expect(Matrix(1, rows, expected.scales), tolerance: 1e-6, "scales")
      y.expectUntouchedOutside("y")
      scales.expectUntouchedOutside("scales")

      // In place, as the embedding is normalized.
      rmsNorm(
        floatX.base, into: floatX.base, scales: scales.base, rows: rows, columns: columns, stride: stride)
      expectSameBits(floatX.values, y.values, "y in place")

      let dy = Matrix(rows, columns, random: &random)
      let residual = Matrix(rows, columns, random: &random)
      let (floatDy, dx) = (GuardedMatrix(dy, stride: stride), GuardedMatrix(residual, stride: stride))
      rmsNormBackward(
        dy: floatDy.base, y: y.base, scales: scales.base, addingInto: dx.base, rows: rows, columns: columns,
        stride: stride)
      // One column: y = ±1 nearly, and dx is the difference of nearly equal numbers as large as dy·s.
      let size = 1 + (expected.scales.max() ?? 0)
      dx.expect(
        residual + Twin.rmsNormBackward(dy: dy, x: x), tolerance: 2e-6, scale: size,
        "dx (\(rows) × \(columns), x in ±\(scale))")
      dx.expectUntouchedOutside("dx")
    }
  }

  @Test(arguments: [1, 2, 5, 16])
  func twinGradient(columns: Int) {
    var random = TestRandom(columns)
    let x = Matrix(3, columns, random: &random)
    let dy = Matrix(3, columns, random: &random)
    expectGradient(
      Twin.rmsNormBackward(dy: dy, x: x), of: { Twin.rmsNorm($0).y.inner(dy) }, at: x, tolerance: 1e-7,
      scale: 1, "dx")
  }

  @Test func zerosStayZero() {
    let x = GuardedMatrix(Matrix(2, 20))
    let scales = GuardedMatrix(1, 2)
    rmsNorm(x.base, into: x.base, scales: scales.base, rows: 2, columns: 20, stride: 20)
    x.expect(Matrix(2, 20), tolerance: 0, scale: 1, "norm of zero")
    scales.expect(Matrix(1, 2, repeating: 1 / 1e-5.squareRoot()), tolerance: 1e-6, "scale of zero")
  }

  @Test(arguments: Array(1...40) + [1023, 1024, 1025, 5000])
  func sumsMatchTheTwin(count: Int) {
    var random = TestRandom(count)
    let (a, b) = (Matrix(1, count, random: &random), Matrix(1, count, random: &random))
    let (floatA, floatB) = (GuardedMatrix(a), GuardedMatrix(b))
    expectClose(
      [dot(floatA.base, floatB.base, count: count)], Matrix(1, 1, [a.inner(b)]), tolerance: 1e-6,
      scale: Double(count).squareRoot(), "dot of \(count)")
    expectClose(
      [sumOfSquares(floatA.base, count: count)], Matrix(1, 1, [a.inner(a)]), tolerance: 1e-6,
      "sum of squares of \(count)")
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity], [0, 5, 16, 1030])
  func nonFiniteIsFound(value: Float, index: Int) {
    let x = GuardedMatrix(Matrix(1, 1100, repeating: 0.5))
    #expect(firstNonFinite(x.base, count: 1100) == nil)
    #expect(sumOfSquares(x.base, count: 1100) == 275)
    x[0, index] = value
    #expect(firstNonFinite(x.base, count: 1100) == index)
    #expect(!sumOfSquares(x.base, count: 1100).isFinite)
    // Beyond the count nobody looks.
    #expect(firstNonFinite(x.base, count: index) == nil)
  }
}
