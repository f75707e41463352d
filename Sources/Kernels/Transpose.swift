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
///
/// Four rounds of interleaving: after each, vector i holds elements of twice as many columns. Interleaving
/// vectors i and i + 8 is one step of a perfect shuffle of (column, k); four of them exchange the two.
@inline(__always)
private func transposeBlock(
  _ source: UnsafePointer<Float>, stride: Int, into destination: UnsafeMutablePointer<Float>
) {
  withUnsafeTemporaryAllocation(of: Lanes.self, capacity: 2 * laneCount) { vectors in
    guard let first = vectors.baseAddress else { return }
    let second = first + laneCount
    for column in 0..<laneCount { first[column] = (source + column * stride).lanes() }
    interleave(first, into: second)
    interleave(second, into: first)
    interleave(first, into: second)
    interleave(second, into: first)
    for k in 0..<laneCount { (destination + k * panelWidth).store(first[k]) }
  }
}

@inline(__always)
private func interleave(_ from: UnsafePointer<Lanes>, into to: UnsafeMutablePointer<Lanes>) {
  for i in 0..<8 {
    var (low, high) = (Lanes(), Lanes())
    low.evenHalf = from[i].lowHalf
    low.oddHalf = from[i + 8].lowHalf
    high.evenHalf = from[i].highHalf
    high.oddHalf = from[i + 8].highHalf
    to[2 * i] = low
    to[2 * i + 1] = high
  }
}
