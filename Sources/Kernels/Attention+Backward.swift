// Causal multi-head attention of one sequence, backward. The probabilities are recomputed from Q, K and the
// row maxima and sums that the forward pass kept: the same bits, without storing T × T floats per head.

extension AttentionShape {
  /// Query rows whose probabilities are live at a time: a multiple of the tile, chosen from T alone so that
  /// two such blocks (P and dS) stay in L2.
  var queryBlock: Int { min(max(32_768 / paddedRows / queryTile, 1), 8) * queryTile }

  /// Floats of scratch memory that `attentionBackward` needs.
  public var backwardScratch: Int { 2 * paddedRows * headSize + 2 * queryBlock * paddedRows + queryBlock }
}

/// Backward of output = softmax(Q·Kᵀ/√D, causal)·V: writes dQ, dK, dV side by side into `dqkv` (T × 3C).
///
/// With P the probabilities: dV = Pᵀ·dO, dP = dO·Vᵀ, dS = P·(dP − Σ dO·O)/√D, dQ = dS·K, dK = dSᵀ·Q.
/// - Parameters:
///   - dOutput: T × C, laid out like the output.
///   - scratch: `shape.backwardScratch` floats.
public func attentionBackward(
  _ shape: AttentionShape, dOutput: UnsafePointer<Float>, output: UnsafePointer<Float>,
  qkv: UnsafePointer<Float>, maxima: UnsafePointer<Float>, inverseSums: UnsafePointer<Float>,
  into dqkv: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
) {
  let (T, D, C) = (shape.rows, shape.headSize, shape.channels)
  let width = shape.paddedRows
  let block = shape.queryBlock
  let probabilities = scratch + 2 * width * D
  let dScores = probabilities + block * width
  let deltas = dScores + block * width
  for head in 0..<shape.heads {
    let column = head * D
    let (q, k, v) = (qkv + column, qkv + C + column, qkv + 2 * C + column)
    let transposedKeys = packKeys(k, shape, into: scratch)
    let transposedValues = packKeys(v, shape, into: scratch + width * D)
    // The last block sees all keys and stores dK and dV; the earlier ones see fewer and add.
    var first = (T - 1) / block * block
    var epilogue = Epilogue.store
    while first >= 0 {
      let rows = min(block, T - first)
      let visible = first + rows
      for row in 0..<rows {
        let offset = (first + row) * shape.outputStride + column
        deltas[row] = dot(dOutput + offset, output + offset, count: D)
      }
      for tile in stride(from: 0, to: rows, by: queryTile) {
        let height = min(queryTile, rows - tile)
        let t = first + tile
        let seen = t + height
        let (P, dS) = (probabilities + tile * width, dScores + tile * width)
        multiply(
          StridedMatrix(q + t * shape.qkvStride, rowStride: shape.qkvStride), transposedKeys, into: P,
          stride: width, rows: height, depth: D, columns: wholePanels(seen))
        multiply(
          StridedMatrix(dOutput + t * shape.outputStride + column, rowStride: shape.outputStride),
          transposedValues, into: dS, stride: width, rows: height, depth: D, columns: wholePanels(seen))
        for row in 0..<height {
          softmaxBackward(
            scores: P + row * width, dScores: dS + row * width, count: t + row + 1, padded: visible,
            maximum: maxima[head * T + t + row], inverseSum: inverseSums[head * T + t + row],
            delta: deltas[tile + row], scale: shape.scoreScale)
        }
        multiply(
          StridedMatrix(dS, rowStride: width), PanelMatrix(rows: k, stride: shape.qkvStride),
          into: dqkv + t * shape.qkvStride + column, stride: shape.qkvStride, rows: height, depth: seen,
          columns: D)
      }
      multiply(
        StridedMatrix(dScores, rowStride: width).transposed,
        PanelMatrix(rows: q + first * shape.qkvStride, stride: shape.qkvStride),
        into: dqkv + C + column, stride: shape.qkvStride, rows: visible, depth: rows, columns: D, epilogue)
      multiply(
        StridedMatrix(probabilities, rowStride: width).transposed,
        PanelMatrix(rows: dOutput + first * shape.outputStride + column, stride: shape.outputStride),
        into: dqkv + 2 * C + column, stride: shape.qkvStride, rows: visible, depth: rows, columns: D, epilogue
      )
      first -= block
      epilogue = .add
    }
  }
}

/// One row: scores become probabilities P = e^((score − maximum)·scale)·inverseSum, and dP becomes
/// dS = P·(dP − delta)·scale. Both are 0 from `count`, the causal limit, to `padded`.
@inline(__always)
private func softmaxBackward(
  scores: UnsafeMutablePointer<Float>, dScores: UnsafeMutablePointer<Float>, count: Int, padded: Int,
  maximum: Float, inverseSum: Float, delta: Float, scale: Float
) {
  var i = 0
  while i < count {
    var p = ((scores.lanes(i) - maximum) * scale).exponential * inverseSum
    var dS = (dScores.lanes(i) - delta) * scale * p
    if i + laneCount > count {
      p = p.keeping(first: count - i, else: .zero)
      dS = dS.keeping(first: count - i, else: .zero)
    }
    scores.store(p, i)
    dScores.store(dS, i)
    i += laneCount
  }
  clear(scores, from: count, to: padded)
  clear(dScores, from: count, to: padded)
}
