// Causal multi-head attention of one sequence, forward. Not FlashAttention's online softmax: a tile of 12
// query rows and all their keys fit in L1, so softmax sees whole rows; scores beyond the diagonal's panel are
// neither computed nor stored.

/// Sizes and strides of one sequence's attention. Q, K and V lie side by side: `qkv` is T × 3C.
public struct AttentionShape: Sendable {
  /// T of this sequence.
  public let rows: Int
  /// H
  public let heads: Int
  /// D
  public let headSize: Int
  /// Floats between rows of `qkv` (≥ 3C) and of the output (≥ C).
  public let qkvStride: Int
  public let outputStride: Int

  public init(rows: Int, heads: Int, headSize: Int, qkvStride: Int, outputStride: Int) {
    self.rows = rows
    self.heads = heads
    self.headSize = headSize
    self.qkvStride = qkvStride
    self.outputStride = outputStride
  }

  var channels: Int { heads * headSize }
  var scoreScale: Float { 1 / Float(headSize).squareRoot() }
  /// T rounded up to whole panels: the width of a row of scores.
  var paddedRows: Int { wholePanels(rows) }

  /// Floats of scratch memory that `attention` needs.
  public var forwardScratch: Int { paddedRows * headSize + queryTile * paddedRows }
}

/// `count` rounded up to whole panels. Scores are computed to the end of a panel: all stores are whole
/// vectors, and nothing beyond the diagonal is read.
func wholePanels(_ count: Int) -> Int { (count + panelWidth - 1) / panelWidth * panelWidth }

/// Zeroes the vectors that begin in first..<end; the one that holds `first` is already masked.
@inline(__always)
func clear(_ row: UnsafeMutablePointer<Float>, from first: Int, to end: Int) {
  for i in Swift.stride(from: (first + laneCount - 1) / laneCount * laneCount, to: end, by: laneCount) {
    row.store(.zero, i)
  }
}

/// Query rows whose scores are live at a time.
let queryTile = 12

/// output (T × C) = softmax(Q·Kᵀ/√D, causal)·V per head.
///
/// - Parameters:
///   - maxima: H × T, receives each row's largest score Q·K (before scaling) for the backward pass.
///   - inverseSums: H × T, receives 1 / Σ e^(scaled score − scaled maximum).
///   - scratch: `shape.forwardScratch` floats.
public func attention(
  _ shape: AttentionShape, qkv: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>,
  maxima: UnsafeMutablePointer<Float>, inverseSums: UnsafeMutablePointer<Float>,
  scratch: UnsafeMutablePointer<Float>
) {
  let (T, D) = (shape.rows, shape.headSize)
  let keys = scratch
  let scores = scratch + shape.paddedRows * D
  for head in 0..<shape.heads {
    let q = qkv + head * D
    let k = qkv + shape.channels + head * D
    let v = qkv + 2 * shape.channels + head * D
    let transposedKeys = packKeys(k, shape, into: keys)
    for first in stride(from: 0, to: T, by: queryTile) {
      let rows = min(queryTile, T - first)
      let visible = first + rows
      multiply(
        StridedMatrix(q + first * shape.qkvStride, rowStride: shape.qkvStride), transposedKeys, into: scores,
        stride: shape.paddedRows, rows: rows, depth: D, columns: wholePanels(visible))
      for row in 0..<rows {
        let t = first + row
        let scores = scores + row * shape.paddedRows
        let largest = maximum(scores, count: t + 1)
        let sum = exponentials(
          of: scores, minus: largest, times: shape.scoreScale, into: scores, count: t + 1)
        let inverse = 1 / sum
        scale(scores, by: inverse, count: t + 1)
        clear(scores, from: t + 1, to: visible)
        maxima[head * T + t] = largest
        inverseSums[head * T + t] = inverse
      }
      multiply(
        StridedMatrix(scores, rowStride: shape.paddedRows), PanelMatrix(rows: v, stride: shape.qkvStride),
        into: output + first * shape.outputStride + head * D, stride: shape.outputStride, rows: rows,
        depth: visible, columns: D)
    }
  }
}

/// Kᵀ or Vᵀ of one head (D × T) as packed panels. Columns beyond T keep whatever was in the scratch: their
/// scores are never read.
func packKeys(
  _ k: UnsafePointer<Float>, _ shape: AttentionShape, into scratch: UnsafeMutablePointer<Float>
) -> PanelMatrix {
  let transposed = StridedMatrix(k, rowStride: 1, columnStride: shape.qkvStride)
  pack(transposed, depth: shape.headSize, columns: shape.rows, into: scratch)
  return PanelMatrix(packed: scratch, depth: shape.headSize)
}
