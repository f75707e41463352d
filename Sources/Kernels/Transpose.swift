// Packing a transposed matrix: 16 × 16 blocks transposed in registers.

/// Panel rows k = 0..<depth from a matrix whose columns are contiguous in k (`rowStride` 1).
func packTransposed(
  _ matrix: StridedMatrix, depth: Int, width: Int, into panel: UnsafeMutablePointer<Float>
) {
  var column = 0
  while column < width {
    var k = 0
    if matrix.rowStride == 1, width - column >= laneCount {
      while depth - k >= laneCount {
        transposeBlock(
          matrix.base + column * matrix.columnStride + k, stride: matrix.columnStride,
          into: panel + k * panelWidth + column)
        k += laneCount
      }
    }
    let block = min(laneCount, width - column)
    while k < depth {
      for lane in column..<column + block {
        panel[k * panelWidth + lane] = matrix.base[k * matrix.rowStride + lane * matrix.columnStride]
      }
      k += 1
    }
    column += block
  }
}

/// A 16 × 16 block: `destination[k·32 + column] = source[column·stride + k]`.
@inline(__always)
private func transposeBlock(
  _ source: UnsafePointer<Float>, stride: Int, into destination: UnsafeMutablePointer<Float>
) {
  for column in 0..<laneCount {
    let values = (source + column * stride).lanes()
    for k in 0..<laneCount { destination[k * panelWidth + column] = values[k] }
  }
}
