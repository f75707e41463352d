// The tiles of C = A·B against the naive product: every height of a tile, odd depths and widths, all epilogues,
// strided and transposed operands, both ways to hold B; and that the bits of a row depend on nothing else.

import Kernels
import TestSupport
import Testing

let allEpilogues: [Epilogue] = [.store, .add, .relu, .maskPositive]

/// Depths and widths around the tile's edges, and two at random for each height.
func depthsAndColumns(rows: Int) -> [(depth: Int, columns: Int)] {
  var random = TestRandom(rows)
  return [(1, 1), (2, 15), (3, 16), (5, 17), (7, 31), (16, 32), (17, 33), (31, 64), (33, 65), (70, 100)]
    + (0..<2).map { _ in (1 + random.next(below: 70), 1 + random.next(below: 100)) }
}

@Suite("Matrix product") struct MatrixProductTests {
  /// Float sums of up to 100 products in ±1 lie within a few 1e-7 of the largest element.
  static let tolerance = 2e-6

  @Test(arguments: 1...40, allEpilogues)
  func tilesMatchTheTwin(rows: Int, epilogue: Epilogue) {
    for (depth, columns) in depthsAndColumns(rows: rows) {
      var random = TestRandom(rows * 1_000 + depth * 10 + columns)
      let (a, b) = (
        Matrix(rows, depth, random: &random), Matrix(depth, columns, random: &random)
      )
      let old = Matrix(rows, columns, random: &random)
      let expected = Twin.finish(Twin.multiply(a, b), over: old, epilogue)
      let name = "C (\(rows) × \(depth) × \(columns), \(epilogue))"

      let plainA = GuardedMatrix(a, stride: depth + 3)
      let turnedA = GuardedMatrix(a.transposed, stride: rows + 1)
      let views = [
        StridedMatrix(plainA.base, rowStride: plainA.stride),
        StridedMatrix(turnedA.base, rowStride: turnedA.stride).transposed,
      ]
      let rowsOfB = GuardedMatrix(b, stride: columns + 7)
      let packed = FloatArena(count: packedCount(depth: depth, columns: columns))
      pack(
        StridedMatrix(rowsOfB.base, rowStride: rowsOfB.stride), depth: depth, columns: columns,
        into: packed.base)
      let panels = [
        PanelMatrix(packed: packed.base, depth: depth),
        PanelMatrix(rows: rowsOfB.base, stride: rowsOfB.stride),
      ]
      var first: [Float]?
      for view in views {
        for panel in panels {
          let c = GuardedMatrix(old, stride: columns + 5)
          multiply(
            view, panel, into: c.base, stride: c.stride, rows: rows, depth: depth, columns: columns, epilogue)
          c.expect(expected, tolerance: Self.tolerance, scale: scale(depth), name)
          c.expectUntouchedOutside(name)
          // Where the operands lie decides nothing.
          if let first { expectSameBits(c.values, first, name) } else { first = c.values }
        }
      }
    }
  }

  /// Square root of the depth: how large a sum of random products in ±1 grows.
  private func scale(_ depth: Int) -> Double { Double(depth).squareRoot() }

  @Test(arguments: [1, 2, 5, 16, 33, 40], [false, true])
  func openBLASMatchesTheTwin(rows: Int, accumulate: Bool) {
    for (depth, columns) in depthsAndColumns(rows: rows) {
      var random = TestRandom(rows + depth * columns)
      let (a, b) = (
        Matrix(rows, depth, random: &random), Matrix(depth, columns, random: &random)
      )
      let old = Matrix(rows, columns, random: &random)
      let expected = Twin.finish(Twin.multiply(a, b), over: old, accumulate ? .add : .store)
      let (plainA, turnedA) = (
        GuardedMatrix(a, stride: depth + 3), GuardedMatrix(a.transposed, stride: rows + 1)
      )
      let (plainB, turnedB) = (
        GuardedMatrix(b, stride: columns + 2), GuardedMatrix(b.transposed, stride: depth + 1)
      )
      for viewA in [
        StridedMatrix(plainA.base, rowStride: plainA.stride),
        StridedMatrix(turnedA.base, rowStride: turnedA.stride).transposed,
      ] {
        // A view of stride 1 both ways is ambiguous; strides above are padded, so none is.
        for viewB in [
          StridedMatrix(plainB.base, rowStride: plainB.stride),
          StridedMatrix(turnedB.base, rowStride: turnedB.stride).transposed,
        ] {
          let c = GuardedMatrix(old, stride: columns + 5)
          multiplyBLAS(
            viewA, viewB, into: c.base, stride: c.stride, rows: rows, depth: depth, columns: columns,
            accumulate: accumulate)
          let name = "C (\(rows) × \(depth) × \(columns), OpenBLAS)"
          c.expect(expected, tolerance: Self.tolerance, scale: scale(depth), name)
          c.expectUntouchedOutside(name)
        }
      }
    }
  }

  /// Products of small integers are exact in Float in any order: equal to the twin to the last bit.
  @Test(arguments: [(13, 29, 70), (40, 70, 100), (5, 64, 31)])
  func integersAreExact(rows: Int, depth: Int, columns: Int) {
    var random = TestRandom(7)
    func integers(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(rows, columns, (0..<rows * columns).map { _ in Double(random.next(below: 21) - 10) })
    }
    let (a, b) = (integers(rows, depth), integers(depth, columns))
    let (floatA, floatB, c) = (GuardedMatrix(a), GuardedMatrix(b), GuardedMatrix(rows, columns))
    multiply(
      StridedMatrix(floatA.base, rowStride: depth), PanelMatrix(rows: floatB.base, stride: columns),
      into: c.base, stride: columns, rows: rows, depth: depth, columns: columns)
    c.expect(Twin.multiply(a, b), tolerance: 0, "integer product")
  }

  /// Any run of rows of A gives the bits that these rows give in the whole product.
  @Test(arguments: allEpilogues)
  func rowsDoNotDependOnEachOther(epilogue: Epilogue) {
    let (rows, depth, columns) = (29, 37, 75)
    var random = TestRandom(11)
    let a = GuardedMatrix(Matrix(rows, depth, random: &random))
    let b = GuardedMatrix(Matrix(depth, columns, random: &random))
    let old = Matrix(rows, columns, random: &random)
    func product(_ first: Int, _ count: Int) -> [Float] {
      let c = GuardedMatrix(old)
      multiply(
        StridedMatrix(a.base + first * depth, rowStride: depth), PanelMatrix(rows: b.base, stride: columns),
        into: c.base + first * columns, stride: columns, rows: count, depth: depth, columns: columns, epilogue
      )
      return Array(c.values[first * columns..<(first + count) * columns])
    }
    let whole = product(0, rows)
    for (first, count) in [(0, 1), (28, 1), (3, 4), (5, 12), (1, 13), (4, 25), (2, 3)] {
      expectSameBits(
        product(first, count), Array(whole[first * columns..<(first + count) * columns]),
        "rows \(first)..<\(first + count)")
    }
  }

  @Test func noDepthMeansZero() {
    let (a, b) = (GuardedMatrix(2, 1), GuardedMatrix(1, 40))
    let c = GuardedMatrix(2, 40)
    multiply(
      StridedMatrix(a.base, rowStride: 1), PanelMatrix(rows: b.base, stride: 40), into: c.base, stride: 40,
      rows: 2, depth: 0, columns: 40)
    c.expect(Matrix(2, 40), tolerance: 0, scale: 1, "an empty sum")
  }
}
