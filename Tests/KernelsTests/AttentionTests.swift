// Causal attention of one sequence, forward and backward, against the twin; the twin against differences.
// Scratch memory holds NaN beforehand: nothing may depend on what it held.

import Kernels
import TestSupport
import Testing

/// Q, K, V of one sequence and everything that the two kernels write.
final class AttentionRun {
  let shape: AttentionShape
  let qkv: GuardedMatrix
  let output, maxima, inverseSums, dqkv: GuardedMatrix

  init(_ qkv: Matrix, heads: Int, padding: Int = 0) {
    let C = qkv.columns / 3
    shape = AttentionShape(
      rows: qkv.rows, heads: heads, headSize: C / heads, qkvStride: 3 * C + padding, outputStride: C + padding
    )
    self.qkv = GuardedMatrix(qkv, stride: shape.qkvStride)
    output = GuardedMatrix(qkv.rows, C, stride: shape.outputStride)
    maxima = GuardedMatrix(heads, qkv.rows)
    inverseSums = GuardedMatrix(heads, qkv.rows)
    dqkv = GuardedMatrix(qkv.rows, 3 * C, stride: shape.qkvStride)
  }

  func forward() {
    let scratch = GuardedMatrix(1, shape.forwardScratch)
    attention(
      shape, qkv: qkv.base, into: output.base, maxima: maxima.base, inverseSums: inverseSums.base,
      scratch: scratch.base)
    scratch.expectUntouchedOutside("scratch of attention")
  }

  func backward(_ dOutput: Matrix) {
    let dOutput = GuardedMatrix(dOutput, stride: shape.outputStride)
    let scratch = GuardedMatrix(1, shape.backwardScratch)
    attentionBackward(
      shape, dOutput: dOutput.base, output: output.base, qkv: qkv.base, maxima: maxima.base,
      inverseSums: inverseSums.base, into: dqkv.base, scratch: scratch.base)
    scratch.expectUntouchedOutside("scratch of attentionBackward")
  }

  func expectUntouchedOutside(_ name: String) {
    output.expectUntouchedOutside("output, \(name)")
    maxima.expectUntouchedOutside("maxima, \(name)")
    inverseSums.expectUntouchedOutside("inverse sums, \(name)")
    dqkv.expectUntouchedOutside("dqkv, \(name)")
  }
}

@Suite("Attention") struct AttentionTests {
  /// Lengths around tiles of 12, vectors of 16 and panels of 32; from 97 on the backward pass works in blocks.
  static let lengths = Array(1...70) + [95, 96, 97, 108, 129, 256]

  @Test(arguments: lengths, [1, 3, 4, 8, 16, 32, 33, 64])
  func matchesTheTwin(length: Int, headSize: Int) {
    let heads = length > 70 ? 1 : 2
    var random = TestRandom(length * 100 + headSize)
    // Scores of a few units: probabilities far from uniform.
    let qkv = Matrix(length, 3 * heads * headSize, random: &random, scale: 2)
    let dOutput = Matrix(length, heads * headSize, random: &random)
    let run = AttentionRun(qkv, heads: heads, padding: length % 4 * 5)
    let name = "T \(length), D \(headSize)"
    run.forward()
    run.output.expect(Twin.attention(qkv, heads: heads), tolerance: 2e-6, "output, \(name)")
    run.backward(dOutput)
    let expected = Twin.attentionBackward(dOutput, qkv: qkv, heads: heads)
    run.dqkv.expect(expected, tolerance: 1e-5, "dqkv, \(name)")
    run.expectUntouchedOutside(name)
  }

  @Test(arguments: [1, 12, 13, 40])
  func keepsEachRowsMaximumAndSum(length: Int) {
    let (heads, headSize) = (3, 5)
    var random = TestRandom(length)
    let C = heads * headSize
    let qkv = Matrix(length, 3 * C, random: &random)
    let run = AttentionRun(qkv, heads: heads)
    run.forward()
    var maxima = Matrix(heads, length)
    var inverseSums = Matrix(heads, length)
    for head in 0..<heads {
      let scores = Twin.multiply(
        qkv.columns(head * headSize, headSize), qkv.columns(C + head * headSize, headSize).transposed)
      for t in 0..<length {
        // Of the visible keys only, before scaling.
        maxima[head, t] = (0...t).map { scores[t, $0] }.max() ?? 0
        let row = (0...t).map { (scores[t, $0] - maxima[head, t]) / Double(headSize).squareRoot() }
        // softmax's largest probability is 1 / Σ e^(score − maximum).
        inverseSums[head, t] = Twin.softmax(row).max() ?? 0
      }
    }
    run.maxima.expect(maxima, tolerance: 1e-6, "maxima")
    run.inverseSums.expect(inverseSums, tolerance: 1e-6, "inverse sums")
  }

  @Test(arguments: [1, 2, 3], [1, 3, 4])
  func twinGradient(heads: Int, headSize: Int) {
    var random = TestRandom(heads * headSize)
    let qkv = Matrix(5, 3 * heads * headSize, random: &random)
    let dOutput = Matrix(5, heads * headSize, random: &random)
    expectGradient(
      Twin.attentionBackward(dOutput, qkv: qkv, heads: heads),
      of: { Twin.attention($0, heads: heads).inner(dOutput) }, at: qkv, "dqkv")
  }

  /// Rows before a change of later tokens keep their bits, whatever the length of the sequence: the promise
  /// that a cached decoder relies on.
  @Test(arguments: [1, 11, 12, 16, 31, 32, 40], [4, 33])
  func theFutureDoesNotMatter(known: Int, headSize: Int) {
    let heads = 2
    let C = heads * headSize
    var random = TestRandom(known)
    let past = Matrix(known, 3 * C, random: &random)
    let alone = AttentionRun(past, heads: heads)
    alone.forward()
    for (length, scale) in [(known + 1, 1.0), (known + 20, 1e3), (known + 33, 1e-3)] {
      let future = Matrix(length - known, 3 * C, random: &random, scale: scale)
      let run = AttentionRun(Matrix(length, 3 * C, past.values + future.values), heads: heads)
      run.forward()
      expectSameBits(
        Array(run.output.values.prefix(known * C)), alone.output.values, "first \(known) of \(length) rows")
    }
  }

  /// Gradients that come from the first rows alone reach no later row and do not depend on one.
  @Test func noGradientFlowsToTheFuture() {
    let (length, known, heads, headSize) = (130, 20, 2, 8)
    let C = heads * headSize
    var random = TestRandom(9)
    let qkv = Matrix(length, 3 * C, random: &random)
    var dOutput = Matrix(length, C, random: &random)
    for index in known * C..<length * C { dOutput.values[index] = 0 }
    let run = AttentionRun(qkv, heads: heads)
    run.forward()
    run.backward(dOutput)
    let later = run.dqkv.values.suffix((length - known) * 3 * C)
    #expect(later.allSatisfy { $0 == 0 })
    run.dqkv.expect(
      Twin.attentionBackward(dOutput, qkv: qkv, heads: heads), tolerance: 1e-5, "dqkv of the first rows")
  }

  /// Scores up to ±1e6 saturate softmax to one key; neither pass makes a NaN of it.
  @Test(arguments: [10.0, 1e3, 1e15])
  func largeScoresStayFinite(scale: Double) {
    let (length, heads, headSize) = (50, 2, 8)
    let C = heads * headSize
    var random = TestRandom(4)
    var qkv = Matrix(length, 3 * C, random: &random)
    for row in 0..<length { for column in 0..<2 * C { qkv[row, column] *= scale } }
    let run = AttentionRun(qkv, heads: heads)
    run.forward()
    #expect(run.output.values.allSatisfy { $0.isFinite && abs($0) <= 1.000_01 })
    run.backward(Matrix(length, C, random: &random))
    #expect(run.dqkv.values.allSatisfy { $0.isFinite })
  }

  @Test func equalScoresAverageTheValues() {
    // Q = 0: row t is the mean of V[0...t].
    let (length, C) = (37, 4)
    var random = TestRandom(5)
    var qkv = Matrix(length, 3 * C, random: &random)
    var expected = Matrix(length, C)
    for t in 0..<length {
      for c in 0..<C {
        qkv[t, c] = 0
        expected[t, c] = (0...t).reduce(0.0) { $0 + qkv[$1, 2 * C + c] } / Double(t + 1)
      }
    }
    let run = AttentionRun(qkv, heads: 1)
    run.forward()
    run.output.expect(expected, tolerance: 1e-6, "means")
  }
}
