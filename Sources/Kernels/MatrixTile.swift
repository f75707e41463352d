// The innermost loops of every matrix product: tiles of C stay in registers while A and B stream by. An
// element of C is always one chain of multiply-adds over k = 0, 1, 2, …, whatever tile it falls into: the
// bits of a product do not depend on tile sizes, on the other rows, or on the width of the registers.

import CTargetFeatures

/// Columns of one panel of B and of one tile of C.
public let panelWidth = 32

/// What a tile does with its sums.
public enum Epilogue: Sendable {
  /// C = A·B
  case store
  /// C += A·B
  case add
  /// C = max(A·B, 0)
  case relu
  /// C = A·B where C was positive, else 0: the backward pass of ReLU, in place over its output.
  case maskPositive
}

/// Sums of four rows of a tile: 4 × 32 floats in 8 registers of AVX-512.
struct FourRows {
  var low0 = Lanes.zero, high0 = Lanes.zero
  var low1 = Lanes.zero, high1 = Lanes.zero
  var low2 = Lanes.zero, high2 = Lanes.zero
  var low3 = Lanes.zero, high3 = Lanes.zero

  /// Adds column k of four rows of A times row k of B.
  @inline(__always)
  mutating func multiplyAdd(_ a0: Float, _ a1: Float, _ a2: Float, _ a3: Float, _ low: Lanes, _ high: Lanes) {
    low0.multiplyAdd(Lanes(repeating: a0), low)
    high0.multiplyAdd(Lanes(repeating: a0), high)
    low1.multiplyAdd(Lanes(repeating: a1), low)
    high1.multiplyAdd(Lanes(repeating: a1), high)
    low2.multiplyAdd(Lanes(repeating: a2), low)
    high2.multiplyAdd(Lanes(repeating: a2), high)
    low3.multiplyAdd(Lanes(repeating: a3), low)
    high3.multiplyAdd(Lanes(repeating: a3), high)
  }

  /// Writes the first `rows` rows and `columns` columns to `c`, rows `stride` apart.
  @inline(__always)
  func write(to c: UnsafeMutablePointer<Float>, stride: Int, rows: Int, columns: Int, _ epilogue: Epilogue) {
    writeRow(low0, high0, c, columns, epilogue)
    if rows > 1 { writeRow(low1, high1, c + stride, columns, epilogue) }
    if rows > 2 { writeRow(low2, high2, c + 2 * stride, columns, epilogue) }
    if rows > 3 { writeRow(low3, high3, c + 3 * stride, columns, epilogue) }
  }
}

@inline(__always)
private func finish(_ sum: Lanes, _ old: Lanes, _ epilogue: Epilogue) -> Lanes {
  switch epilogue {
  case .store: sum
  case .add: old + sum
  case .relu: sum.replacing(with: 0, where: sum .< 0)
  case .maskPositive: Lanes.zero.replacing(with: sum, where: old .> 0)
  }
}

@inline(__always)
private func writeRow(
  _ low: Lanes, _ high: Lanes, _ c: UnsafeMutablePointer<Float>, _ columns: Int, _ epilogue: Epilogue
) {
  if columns == panelWidth {
    writeLanes(low, c, epilogue)
    writeLanes(high, c + laneCount, epilogue)
  } else if columns >= laneCount {
    writeLanes(low, c, epilogue)
    writePartialLanes(high, c + laneCount, columns - laneCount, epilogue)
  } else {
    writePartialLanes(low, c, columns, epilogue)
  }
}

@inline(__always)
func writeLanes(_ sum: Lanes, _ c: UnsafeMutablePointer<Float>, _ epilogue: Epilogue) {
  if case .store = epilogue {
    c.store(sum)
  } else {
    c.store(finish(sum, c.lanes(), epilogue))
  }
}

/// The first `count` < 16 lanes: nothing beyond them is read or written.
@inline(never)
func writePartialLanes(
  _ sum: Lanes, _ c: UnsafeMutablePointer<Float>, _ count: Int, _ epilogue: Epilogue
) {
  var old = Lanes.zero
  for lane in 0..<count { old[lane] = c[lane] }
  c.store(finish(sum, old, epilogue), first: count)
}

/// Shallower products do not pay for prefetching: attention's scores, whose C is in L1 anyway.
private let prefetchDepth = 64

/// Brings the C tile into the cache while the sums are computed: its rows are too far apart for the hardware
/// prefetcher.
@inline(__always)
private func prefetch(_ c: UnsafeMutablePointer<Float>, stride: Int, rows: Int) {
  for row in 0..<rows {
    target_prefetch(c + row * stride)
    target_prefetch(c + row * stride + laneCount)
  }
}

/// C (12 × `columns`) from A (12 × depth, any strides) and one panel of B (depth × 32, rows `bStride` apart).
/// 24 sums, 2 rows of B and 1 broadcast fill 27 of the 32 AVX-512 registers.
@inline(__always)
func tile12(
  depth: Int,
  a: UnsafePointer<Float>, aRowStride: Int, aColumnStride: Int,
  b: UnsafePointer<Float>, bStride: Int,
  c: UnsafeMutablePointer<Float>, cStride: Int, columns: Int, _ epilogue: Epilogue
) {
  var top = FourRows()
  var middle = FourRows()
  var bottom = FourRows()
  var a = a
  var b = b
  let s = aRowStride
  let (s3, s6, s9) = (3 * s, 6 * s, 9 * s)
  if depth >= prefetchDepth { prefetch(c, stride: cStride, rows: 12) }
  for _ in 0..<depth {
    let (low, high) = (b.lanes(), b.lanes(laneCount))
    top.multiplyAdd(a[0], a[s], a[2 * s], a[s3], low, high)
    middle.multiplyAdd(a[s3 + s], a[s3 + 2 * s], a[s6], a[s6 + s], low, high)
    bottom.multiplyAdd(a[s6 + 2 * s], a[s9], a[s9 + s], a[s9 + 2 * s], low, high)
    a += aColumnStride
    b += bStride
  }
  top.write(to: c, stride: cStride, rows: 4, columns: columns, epilogue)
  middle.write(to: c + 4 * cStride, stride: cStride, rows: 4, columns: columns, epilogue)
  bottom.write(to: c + 8 * cStride, stride: cStride, rows: 4, columns: columns, epilogue)
}

/// C (8 × `columns`): for products of few rows, such as texts decoded in lockstep. See `tile12`.
@inline(__always)
func tile8(
  depth: Int,
  a: UnsafePointer<Float>, aRowStride: Int, aColumnStride: Int,
  b: UnsafePointer<Float>, bStride: Int,
  c: UnsafeMutablePointer<Float>, cStride: Int, columns: Int, _ epilogue: Epilogue
) {
  var top = FourRows()
  var bottom = FourRows()
  var a = a
  var b = b
  let s = aRowStride
  let (s2, s4) = (2 * s, 4 * s)
  for _ in 0..<depth {
    let (low, high) = (b.lanes(), b.lanes(laneCount))
    top.multiplyAdd(a[0], a[s], a[s2], a[s2 + s], low, high)
    bottom.multiplyAdd(a[s4], a[s4 + s], a[s4 + s2], a[s4 + s2 + s], low, high)
    a += aColumnStride
    b += bStride
  }
  top.write(to: c, stride: cStride, rows: 4, columns: columns, epilogue)
  bottom.write(to: c + 4 * cStride, stride: cStride, rows: 4, columns: columns, epilogue)
}

/// C (`rows` × `columns`), 1 ≤ rows ≤ 4. Rows past the last one repeat it and are not written.
@inline(__always)
func tile4(
  rows: Int, depth: Int,
  a: UnsafePointer<Float>, aRowStride: Int, aColumnStride: Int,
  b: UnsafePointer<Float>, bStride: Int,
  c: UnsafeMutablePointer<Float>, cStride: Int, columns: Int, _ epilogue: Epilogue
) {
  var sums = FourRows()
  var a = a
  var b = b
  let (row1, row2, row3) = (
    min(1, rows - 1) * aRowStride, min(2, rows - 1) * aRowStride, min(3, rows - 1) * aRowStride
  )
  for _ in 0..<depth {
    sums.multiplyAdd(a[0], a[row1], a[row2], a[row3], b.lanes(), b.lanes(laneCount))
    a += aColumnStride
    b += bStride
  }
  sums.write(to: c, stride: cStride, rows: rows, columns: columns, epilogue)
}
