// Tiles for CPUs whose registers are narrower than 16 floats: 6 × 16 sums fill 12 of AVX2's 16 registers, 24
// of NEON's 32. The same chains of multiply-adds as the wide tiles, so the same bits.

/// Sums of six rows of a tile.
private struct SixRows {
  var row0 = Lanes.zero, row1 = Lanes.zero, row2 = Lanes.zero
  var row3 = Lanes.zero, row4 = Lanes.zero, row5 = Lanes.zero
}

/// C (rows × columns) = or += A·B, in tiles of 6 × 16. Rows past the last one repeat it and are not written.
func multiplyNarrow(
  _ a: StridedMatrix, _ b: PanelMatrix, into c: UnsafeMutablePointer<Float>, stride: Int,
  rows: Int, depth: Int, columns: Int, _ epilogue: Epilogue
) {
  for column in Swift.stride(from: 0, to: columns, by: laneCount) {
    let b = PanelMatrix(
      panel: b.base + column / panelWidth * b.panelStride + column % panelWidth, rowStride: b.rowStride)
    for row in Swift.stride(from: 0, to: rows, by: 6) {
      tile6(
        rows: min(6, rows - row), depth: depth,
        StridedMatrix(
          a.base + row * a.rowStride, rowStride: a.rowStride, columnStride: a.columnStride),
        b, c: c + row * stride + column, stride: stride, columns: min(laneCount, columns - column), epilogue)
    }
  }
}

@inline(__always)
private func tile6(
  rows: Int, depth: Int, _ a: StridedMatrix, _ b: PanelMatrix, c: UnsafeMutablePointer<Float>, stride: Int,
  columns: Int, _ epilogue: Epilogue
) {
  var sums = SixRows()
  let s = a.rowStride
  let (s1, s2, s3) = (min(1, rows - 1) * s, min(2, rows - 1) * s, min(3, rows - 1) * s)
  let (s4, s5) = (min(4, rows - 1) * s, min(5, rows - 1) * s)
  var (a0, b0) = (a.base, b.base)
  for _ in 0..<depth {
    let lanes = b0.lanes()
    sums.row0.multiplyAdd(Lanes(repeating: a0[0]), lanes)
    sums.row1.multiplyAdd(Lanes(repeating: a0[s1]), lanes)
    sums.row2.multiplyAdd(Lanes(repeating: a0[s2]), lanes)
    sums.row3.multiplyAdd(Lanes(repeating: a0[s3]), lanes)
    sums.row4.multiplyAdd(Lanes(repeating: a0[s4]), lanes)
    sums.row5.multiplyAdd(Lanes(repeating: a0[s5]), lanes)
    a0 += a.columnStride
    b0 += b.rowStride
  }
  writeNarrow(sums.row0, c, columns, epilogue)
  if rows > 1 { writeNarrow(sums.row1, c + stride, columns, epilogue) }
  if rows > 2 { writeNarrow(sums.row2, c + 2 * stride, columns, epilogue) }
  if rows > 3 { writeNarrow(sums.row3, c + 3 * stride, columns, epilogue) }
  if rows > 4 { writeNarrow(sums.row4, c + 4 * stride, columns, epilogue) }
  if rows > 5 { writeNarrow(sums.row5, c + 5 * stride, columns, epilogue) }
}

@inline(__always)
private func writeNarrow(
  _ sum: Lanes, _ c: UnsafeMutablePointer<Float>, _ columns: Int, _ epilogue: Epilogue
) {
  if columns == laneCount {
    writeLanes(sum, c, epilogue)
  } else {
    writePartialLanes(sum, c, columns, epilogue)
  }
}
