// One row times packed panels: the product of cached decoding, bound by how fast weights stream from cache.

/// y (columns) = epilogue(x (depth) · B), B in packed panels. The same chain of multiply-adds per element as
/// `multiply`, so a row gives the same bits alone as among many.
func multiplyRow(
  _ x: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, depth: Int,
  columns: Int, _ epilogue: Epilogue
) {
  let panelSize = depth * panelWidth
  var column = 0
  // Four panels side by side keep eight sums in flight: one would wait out each addition's latency.
  while columns - column >= 4 * panelWidth {
    rowTimesPanels(4, x, b + column * depth, panelSize, into: y + column, depth: depth, epilogue)
    column += 4 * panelWidth
  }
  if columns - column >= 2 * panelWidth {
    rowTimesPanels(2, x, b + column * depth, panelSize, into: y + column, depth: depth, epilogue)
    column += 2 * panelWidth
  }
  let b = PanelMatrix(packed: b + column * depth, depth: depth)
  multiply(
    StridedMatrix(x, rowStride: 0), b, into: y + column, stride: 0, rows: columns > column ? 1 : 0,
    depth: depth, columns: columns - column, epilogue)
}

/// Two or four panels side by side; callers pass a constant, so the branches vanish.
@inline(__always)
private func rowTimesPanels(
  _ panels: Int, _ x: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ panelSize: Int,
  into y: UnsafeMutablePointer<Float>, depth: Int, _ epilogue: Epilogue
) {
  var sums = FourRows()
  var b = b
  for k in 0..<depth {
    let value = Lanes(repeating: x[k])
    sums.low0.multiplyAdd(value, b.lanes())
    sums.high0.multiplyAdd(value, b.lanes(laneCount))
    sums.low1.multiplyAdd(value, b.lanes(panelSize))
    sums.high1.multiplyAdd(value, b.lanes(panelSize + laneCount))
    if panels == 4 {
      sums.low2.multiplyAdd(value, b.lanes(2 * panelSize))
      sums.high2.multiplyAdd(value, b.lanes(2 * panelSize + laneCount))
      sums.low3.multiplyAdd(value, b.lanes(3 * panelSize))
      sums.high3.multiplyAdd(value, b.lanes(3 * panelSize + laneCount))
    }
    b += panelWidth
  }
  sums.write(to: y, stride: panelWidth, rows: panels, columns: panelWidth, epilogue)
}
