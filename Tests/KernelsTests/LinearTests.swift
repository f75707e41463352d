// A linear layer of several tensors side by side, in both backends: its three products against the twin,
// written to the tensors' own places, with fresh weights after each preparation.

import Kernels
import TestSupport
import Testing

@Suite("Linear") struct LinearTests {
  static let tolerance = 2e-6

  /// A layer with its weights in an arena: parts 16 floats or more apart, canaries between them.
  private struct Layer {
    let linear: Linear
    let inputs: Int
    let widths: [Int]
    let offsets: [Int]
    let arenaCount: Int
    private let panels: FloatArena

    init(inputs: Int, widths: [Int], backend: MatrixBackend, isTraining: Bool = true) {
      var (offsets, next) = ([Int](), 16)
      for width in widths {
        offsets.append(next)
        next += (inputs * width + 15) / 16 * 16 + 16
      }
      (self.inputs, self.widths, self.offsets, arenaCount) = (inputs, widths, offsets, next)
      panels = FloatArena(
        count: Linear.panelCount(
          inputs: inputs, outputs: widths.reduce(0, +), backend: backend, isTraining: isTraining))
      linear = Linear(
        inputs: inputs,
        parts: zip(offsets, widths).map { Linear.Part(offset: $0, columns: $1) },
        backend: backend, isTraining: isTraining, panels: panels.base)
    }

    /// An arena with these matrices at the places of the parts, canaries elsewhere.
    func arena(_ parts: [Matrix]) -> GuardedMatrix {
      let arena = GuardedMatrix(1, arenaCount)
      for (part, offset) in zip(parts, offsets) {
        for (index, value) in part.values.enumerated() { arena[0, offset + index] = Float(value) }
      }
      return arena
    }

    func parts(_ random: inout TestRandom) -> [Matrix] {
      widths.map { Matrix(inputs, $0, random: &random) }
    }
  }

  private static let widths = [
    [1], [17], [32], [66], [5, 5, 5], [16, 16, 16], [33, 33, 33], [40, 1, 100],
  ]

  @Test(arguments: MatrixBackend.allCases, widths)
  func productsMatchTheTwin(backend: MatrixBackend, widths: [Int]) {
    for (rows, inputs) in [(1, 1), (1, 70), (2, 3), (5, 16), (13, 33), (40, 20)] {
      var random = TestRandom(rows * 100 + inputs)
      let layer = Layer(inputs: inputs, widths: widths, backend: backend)
      let outputs = layer.linear.outputs
      #expect(outputs == widths.reduce(0, +))
      // The second preparation must leave nothing of the first.
      for _ in 0..<2 {
        let parts = layer.parts(&random)
        let w = Matrix.sideBySide(parts)
        let weights = layer.arena(parts)
        layer.linear.prepare(from: weights.base)
        let x = Matrix(rows, inputs, random: &random)
        let dy = Matrix(rows, outputs, random: &random)
        let floatX = GuardedMatrix(x, stride: inputs + 3)
        let floatDy = GuardedMatrix(dy, stride: outputs + 32)
        for epilogue in allEpilogues {
          let name = "\(backend) \(rows) × \(inputs) × \(widths) \(epilogue)"
          let oldY = Matrix(rows, outputs, random: &random)
          let y = GuardedMatrix(oldY, stride: outputs + 2)
          layer.linear.forward(
            floatX.base, stride: floatX.stride, into: y.base, stride: y.stride, rows: rows, epilogue)
          y.expect(
            Twin.finish(Twin.multiply(x, w), over: oldY, epilogue), tolerance: Self.tolerance,
            scale: Double(inputs).squareRoot(), "y \(name)")
          y.expectUntouchedOutside("y \(name)")

          let oldDx = Matrix(rows, inputs, random: &random)
          let dx = GuardedMatrix(oldDx, stride: inputs + 1)
          layer.linear.backwardInput(
            floatDy.base, stride: floatDy.stride, into: dx.base, stride: dx.stride, rows: rows, epilogue)
          dx.expect(
            Twin.finish(Twin.multiply(dy, w.transposed), over: oldDx, epilogue), tolerance: Self.tolerance,
            scale: Double(outputs).squareRoot(), "dx \(name)")
          dx.expectUntouchedOutside("dx \(name)")
        }
        expectWeightGradient(layer, x: x, dy: dy, floatX, floatDy, &random)
      }
    }
  }

  private func expectWeightGradient(
    _ layer: Layer, x: Matrix, dy: Matrix, _ floatX: GuardedMatrix, _ floatDy: GuardedMatrix,
    _ random: inout TestRandom
  ) {
    for accumulate in [false, true] {
      let old = layer.parts(&random)
      let gradient = layer.arena(old)
      layer.linear.backwardWeights(
        floatX.base, stride: floatX.stride, floatDy.base, stride: floatDy.stride, into: gradient.base,
        rows: x.rows, accumulate: accumulate)
      // What is not a part must still be a canary.
      var isPart = [Bool](repeating: false, count: layer.arenaCount)
      var column = 0
      for (part, offset) in layer.offsets.enumerated() {
        let width = layer.widths[part]
        let count = layer.inputs * width
        let dW = Twin.multiply(x.transposed, dy.columns(column, width))
        let actual = (0..<count).map { gradient[0, offset + $0] }
        expectClose(
          actual, Twin.finish(dW, over: old[part], accumulate ? .add : .store), tolerance: Self.tolerance,
          scale: Double(x.rows).squareRoot(), "dW part \(part) of \(layer.widths), \(x.rows) rows")
        for index in offset..<offset + count { isPart[index] = true }
        column += width
      }
      for index in isPart.indices where !isPart[index] {
        #expect(
          gradient[0, index].bitPattern == GuardedMatrix.canary.bitPattern,
          "float \(index) between the parts \(layer.widths) was written")
      }
      gradient.expectUntouchedOutside("dW")
    }
  }

  /// Backward of y = x·W against central differences of the twin's forward product.
  @Test func twinGradients() {
    var random = TestRandom(3)
    let (x, w) = (Matrix(3, 4, random: &random), Matrix(4, 5, random: &random))
    let dy = Matrix(3, 5, random: &random)
    expectGradient(
      Twin.multiply(dy, w.transposed), of: { Twin.multiply($0, w).inner(dy) }, at: x, "dx = dy·Wᵀ")
    expectGradient(
      Twin.multiply(x.transposed, dy), of: { Twin.multiply(x, $0).inner(dy) }, at: w, "dW = xᵀ·dy")
  }

  /// The product of cached decoding, one row, against the same row among many; below, at and above the 128
  /// columns from which four panels go side by side.
  @Test(arguments: [1, 31, 32, 66, 127, 128, 129, 160, 200, 255, 256, 384, 500], [1, 16, 37])
  func aRowAloneGivesTheBitsItGivesAmongMany(columns: Int, depth: Int) {
    var random = TestRandom(columns)
    for isTraining in [true, false] {
      let layer = Layer(inputs: depth, widths: [columns], backend: .simd, isTraining: isTraining)
      let weights = layer.arena(layer.parts(&random))
      layer.linear.prepare(from: weights.base)
      let rows = 14
      let x = GuardedMatrix(Matrix(rows, depth, random: &random))
      let old = Matrix(rows, columns, random: &random)
      for epilogue in allEpilogues {
        let together = GuardedMatrix(old)
        layer.linear.forward(
          x.base, stride: depth, into: together.base, stride: columns, rows: rows, epilogue)
        let alone = GuardedMatrix(old, stride: columns + 9)
        for row in 0..<rows {
          layer.linear.forward(
            x.base + row * depth, stride: depth, into: alone.base + row * alone.stride, stride: alone.stride,
            rows: 1, epilogue)
        }
        expectSameBits(alone.values, together.values, "\(depth) × \(columns), \(epilogue)")
        alone.expectUntouchedOutside("\(depth) × \(columns), \(epilogue)")
      }
    }
  }

  @Test func automaticBackendFollowsTheCPU() {
    #expect(MatrixBackend.automatic == (targetHasFMA ? .simd : .openblas))
    #expect(MatrixBackend.simd.kernelFamily != MatrixBackend.openblas.kernelFamily)
  }
}
