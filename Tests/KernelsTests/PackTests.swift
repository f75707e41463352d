// Packing into panels: each element at its documented place, whatever the source's strides, nothing else written.

import Kernels
import TestSupport
import Testing

@Suite("Packing") struct PackTests {
  @Test(arguments: [1, 2, 15, 16, 17, 33, 70], [false, true])
  func elementsGoToTheirPlaces(depth: Int, isTransposed: Bool) {
    for columns in [1, 15, 16, 17, 31, 32, 33, 48, 64, 100] {
      for firstColumn in [0, 1, 16, 31, 40] {
        var random = TestRandom(depth + columns)
        let values = Matrix(depth, columns, random: &random)
        let source =
          isTransposed
          ? GuardedMatrix(values.transposed, stride: depth + 3) : GuardedMatrix(values, stride: columns + 3)
        let plain = StridedMatrix(source.base, rowStride: source.stride)
        // More rows than are packed, as when several tensors share the panels.
        let panelDepth = depth + 2
        let panels = GuardedMatrix(
          1, packedCount(depth: panelDepth, columns: firstColumn + columns))
        pack(
          isTransposed ? plain.transposed : plain, depth: depth, columns: columns, into: panels.base,
          firstColumn: firstColumn, panelDepth: panelDepth)
        var expected = [Float](repeating: GuardedMatrix.canary, count: panels.columns)
        for k in 0..<depth {
          for column in 0..<columns {
            let target = firstColumn + column
            let place = (target / panelWidth * panelDepth + k) * panelWidth + target % panelWidth
            expected[place] = Float(values[k, column])
          }
        }
        let name = "\(depth) × \(columns) from column \(firstColumn)"
        expectSameBits(panels.values, expected, name)
        panels.expectUntouchedOutside(name)
      }
    }
  }

  @Test(arguments: [1, 15, 16, 17, 32, 33, 128, 384, 512])
  func paddedStridesAreOddNumbersOfCacheLines(columns: Int) {
    let stride = paddedStride(columns)
    #expect(stride >= columns)
    #expect(stride < columns + 32)
    #expect(stride % 32 == 16)
  }
}
