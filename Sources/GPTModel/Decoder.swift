// Cached decoding: keys and values of earlier tokens are kept, so a new token costs one row.
// Several streams advance in lockstep through the same products; a prompt is just many rows of one stream.

import Kernels

/// Decodes `streamCount` independent texts with one model.
public final class Decoder {
  /// One token to append to one stream.
  public struct Row: Sendable {
    public let stream: Int
    public let token: Int32
    public init(stream: Int, token: Int32) {
      self.stream = stream
      self.token = token
    }
  }

  public let model: PreparedModel
  public let streamCount: Int
  /// The most rows that one `advance` takes.
  public let maximumRows: Int
  /// Tokens in the cache, per stream; at most T.
  public private(set) var lengths: [Int]

  private let layout: KeyValueLayout
  private let caches: FloatArena
  private let activations: FloatArena
  private let x, normed, scales, qkv, attended, hidden, logits, scratch: UnsafeMutablePointer<Float>
  /// Threads that share the products of a single row, where weights are read from memory rather than from cache.
  private let team: RowTeam
  private let stride, qkvStride, hiddenStride, logitsStride: Int

  /// - Parameters:
  ///   - model: already prepared, for inference at least.
  ///   - threads: that share the work of one text; no bit depends on them.
  public init(model: PreparedModel, streamCount: Int, maximumRows: Int = 64, threads: Int = 1) {
    precondition(streamCount > 0 && maximumRows >= streamCount)
    let configuration = model.configuration
    let C = configuration.embeddingSize
    self.model = model
    team = RowTeam(count: model.blocks.contains { $0.expand.isWorthSharing } ? threads : 1)
    self.streamCount = streamCount
    self.maximumRows = maximumRows
    lengths = [Int](repeating: 0, count: streamCount)
    layout = KeyValueLayout(
      capacity: configuration.blockSize, heads: configuration.headCount, headSize: configuration.headSize)
    caches = FloatArena(count: streamCount * configuration.layerCount * layout.count)
    stride = paddedStride(C)
    qkvStride = paddedStride(3 * C)
    hiddenStride = paddedStride(4 * C)
    logitsStride = paddedStride(configuration.vocabularySize)
    var arena = ArenaLayout()
    let offsets = [
      stride, stride, 1, qkvStride, stride, hiddenStride, logitsStride,
    ].map { arena.add($0 * maximumRows) }
    let scratchOffset = arena.add(layout.scratch)
    activations = FloatArena(count: arena.count)
    let base = activations.base
    x = base + offsets[0]
    normed = base + offsets[1]
    scales = base + offsets[2]
    qkv = base + offsets[3]
    attended = base + offsets[4]
    hidden = base + offsets[5]
    logits = base + offsets[6]
    scratch = base + scratchOffset
  }

  /// Forgets a stream's text.
  public func reset(stream: Int) { lengths[stream] = 0 }

  /// Appends the rows' tokens, in order, and computes the logits after each of them.
  ///
  /// A stream may have several rows, which follow one another. No stream may grow beyond T.
  public func advance(_ rows: [Row]) {
    precondition(!rows.isEmpty && rows.count <= maximumRows)
    let C = model.configuration.embeddingSize
    var positions: [Int] = []
    positions.reserveCapacity(rows.count)
    for (index, row) in rows.enumerated() {
      precondition(lengths[row.stream] < layout.capacity, "the stream is full: reset and re-encode it")
      positions.append(lengths[row.stream])
      lengths[row.stream] += 1
      withUnsafePointer(to: row.token) { token in
        embed(
          token, tokenTable: model.tokenTable, positionTable: model.positionTable, into: x + index * stride,
          rows: 1, columns: C, stride: stride, firstPosition: positions[index])
      }
    }
    rmsNorm(x, into: x, scales: scales, rows: rows.count, columns: C, stride: stride)
    for (layer, block) in model.blocks.enumerated() {
      rmsNorm(x, into: normed, scales: scales, rows: rows.count, columns: C, stride: stride)
      product(block.attention, normed, stride, into: qkv, qkvStride, rows: rows.count)
      for (index, row) in rows.enumerated() {
        let cache = caches.base + (row.stream * model.blocks.count + layer) * layout.count
        let q = qkv + index * qkvStride
        appendToCache(layout, cache: cache, position: positions[index], key: q + C, value: q + 2 * C)
        attendCached(
          layout, cache: cache, position: positions[index], query: q, into: attended + index * stride,
          scratch: scratch)
      }
      product(block.output, attended, stride, into: x, stride, rows: rows.count, .add)
      rmsNorm(x, into: normed, scales: scales, rows: rows.count, columns: C, stride: stride)
      product(block.expand, normed, stride, into: hidden, hiddenStride, rows: rows.count, .relu)
      product(block.project, hidden, hiddenStride, into: x, stride, rows: rows.count, .add)
    }
    product(model.head, x, stride, into: logits, logitsStride, rows: rows.count)
  }

  private func product(
    _ linear: Linear, _ input: UnsafeMutablePointer<Float>, _ inputStride: Int,
    into output: UnsafeMutablePointer<Float>, _ outputStride: Int, rows: Int, _ epilogue: Epilogue = .store
  ) {
    guard rows == 1, team.count > 1, linear.isWorthSharing else {
      return linear.forward(
        input, stride: inputStride, into: output, stride: outputStride, rows: rows, epilogue)
    }
    team.run { linear.forwardRow(input, into: output, part: $0, of: team.count, epilogue) }
  }

  /// The logits (V) after row `index` of the last `advance`; readable up to a multiple of 16 floats.
  public func logits(row index: Int) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: logits + index * logitsStride, count: model.configuration.vocabularySize)
  }
}
