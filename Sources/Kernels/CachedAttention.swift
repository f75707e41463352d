// Attention of one new row over the keys and values of the rows before it, and the cache that holds them.
// Adds in the same order as `attention`: with the SIMD backend a cached row is bit-identical to a full pass.

/// Layout of the keys and values of one layer and stream.
public struct KeyValueLayout: Sendable {
  /// T, the number of rows that fit.
  public let capacity: Int
  /// H and D
  public let heads: Int
  public let headSize: Int

  public init(capacity: Int, heads: Int, headSize: Int) {
    self.capacity = capacity
    self.heads = heads
    self.headSize = headSize
  }

  var channels: Int { heads * headSize }
  var paddedCapacity: Int { wholePanels(capacity) }
  /// Floats for the keys: per head Kᵀ (D × T) in panels of 32 rows of the text.
  var keyCount: Int { heads * headSize * paddedCapacity }
  /// Floats for the values (T × C), with room to read a whole panel at the end.
  var valueCount: Int { capacity * channels + panelWidth }
  /// Floats per layer and stream.
  public var count: Int { (keyCount + valueCount + laneCount - 1) / laneCount * laneCount }
  /// Floats of scratch memory that `attendCached` needs.
  public var scratch: Int { heads * paddedCapacity }
}

/// Stores the key and value (C each) of row `position`.
public func appendToCache(
  _ layout: KeyValueLayout, cache: UnsafeMutablePointer<Float>, position: Int, key: UnsafePointer<Float>,
  value: UnsafePointer<Float>
) {
  let D = layout.headSize
  let (panel, lane) = (position / panelWidth, position % panelWidth)
  for head in 0..<layout.heads {
    let panels = cache + head * D * layout.paddedCapacity + panel * D * panelWidth + lane
    for d in 0..<D { panels[d * panelWidth] = key[head * D + d] }
  }
  (cache + layout.keyCount + position * layout.channels).update(from: value, count: layout.channels)
}

/// output (C) = softmax(q·Kᵀ/√D)·V per head, over the rows 0...position of the cache.
///
/// - Parameter scratch: `layout.scratch` floats.
public func attendCached(
  _ layout: KeyValueLayout, cache: UnsafePointer<Float>, position: Int, query: UnsafePointer<Float>,
  into output: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
) {
  let D = layout.headSize
  let count = position + 1
  let width = layout.paddedCapacity
  let factor = 1 / Float(D).squareRoot()
  for head in 0..<layout.heads {
    let scores = scratch + head * width
    multiplyRow(
      query + head * D, cache + head * D * width, into: scores, depth: D, columns: wholePanels(count),
      .store)
    let largest = maximum(scores, count: count)
    let sum = exponentials(of: scores, minus: largest, times: factor, into: scores, count: count)
    scale(scores, by: 1 / sum, count: count)
  }
  let values = cache + layout.keyCount
  var head = 0
  if D == panelWidth {
    while layout.heads - head >= 4 {
      weighFourHeads(
        scratch + head * width, width, values + head * D, layout.channels, into: output + head * D,
        count: count)
      head += 4
    }
  }
  while head < layout.heads {
    multiply(
      StridedMatrix(scratch + head * width, rowStride: 0),
      PanelMatrix(rows: values + head * D, stride: layout.channels), into: output + head * D, stride: 0,
      rows: 1, depth: count, columns: D)
    head += 1
  }
}

/// output = Σ P[k]·V[k] of four neighbouring heads of 32: four chains in flight instead of one.
@inline(__always)
private func weighFourHeads(
  _ p: UnsafePointer<Float>, _ width: Int, _ values: UnsafePointer<Float>, _ stride: Int,
  into output: UnsafeMutablePointer<Float>, count: Int
) {
  var sums = FourRows()
  var v = values
  for k in 0..<count {
    let p0 = Lanes(repeating: p[k])
    let p1 = Lanes(repeating: p[width + k])
    let p2 = Lanes(repeating: p[2 * width + k])
    let p3 = Lanes(repeating: p[3 * width + k])
    sums.low0.multiplyAdd(p0, v.lanes())
    sums.high0.multiplyAdd(p0, v.lanes(laneCount))
    sums.low1.multiplyAdd(p1, v.lanes(panelWidth))
    sums.high1.multiplyAdd(p1, v.lanes(panelWidth + laneCount))
    sums.low2.multiplyAdd(p2, v.lanes(2 * panelWidth))
    sums.high2.multiplyAdd(p2, v.lanes(2 * panelWidth + laneCount))
    sums.low3.multiplyAdd(p3, v.lanes(3 * panelWidth))
    sums.high3.multiplyAdd(p3, v.lanes(3 * panelWidth + laneCount))
    v += stride
  }
  sums.write(to: output, stride: panelWidth, rows: 4, columns: panelWidth, .store)
}
