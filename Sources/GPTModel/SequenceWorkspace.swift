// The activations of one sequence: what the forward pass leaves for the backward pass, and scratch memory.
// One per thread, allocated once; sequences of a leaf pass through it one after the other.

import Kernels

/// Memory for forward and backward of one sequence of up to T = `blockSize` tokens.
///
/// Rows are `paddedStride` floats apart. About 12·T·C floats per layer: 5 MB with the Shakespeare preset.
public final class SequenceWorkspace {
  /// Activations of one block that its backward pass needs.
  struct Block {
    /// RMSNorm of the block's input (T × C) and its scales (T).
    let attentionInput, attentionInputScales: UnsafeMutablePointer<Float>
    /// Query, key, value (T × 3C).
    let qkv: UnsafeMutablePointer<Float>
    /// Attention output before the output projection (T × C).
    let attention: UnsafeMutablePointer<Float>
    /// Softmax row maxima and inverse sums (H × T each).
    let maxima, inverseSums: UnsafeMutablePointer<Float>
    /// RMSNorm of the residual before the MLP (T × C) and its scales (T).
    let mlpInput, mlpInputScales: UnsafeMutablePointer<Float>
    /// relu(fc1·…) (T × 4C); the backward pass overwrites it with its gradient.
    let hidden: UnsafeMutablePointer<Float>
  }

  let configuration: GPTConfiguration
  /// Floats between rows of C, 3C, 4C and V columns.
  let stride, qkvStride, hiddenStride, logitsStride: Int
  let blocks: [Block]
  /// The residual stream (T × C).
  let residual: UnsafeMutablePointer<Float>
  /// Scales of the RMSNorm of the embedding (T).
  let embeddingScales: UnsafeMutablePointer<Float>
  /// T × V; the loss overwrites them with their gradient.
  let logits: UnsafeMutablePointer<Float>
  /// Gradients of the residual (T × C), of a branch (T × C), of query, key and value (T × 3C).
  let dResidual, dBranch, dqkv: UnsafeMutablePointer<Float>
  let scratch: UnsafeMutablePointer<Float>
  public var profile = ModelProfile()
  private let arena: FloatArena

  public init(_ configuration: GPTConfiguration) {
    self.configuration = configuration
    let C = configuration.embeddingSize
    stride = paddedStride(C)
    qkvStride = paddedStride(3 * C)
    hiddenStride = paddedStride(4 * C)
    logitsStride = paddedStride(configuration.vocabularySize)
    let (count, blockOffsets, offsets) = Self.layout(configuration)
    arena = FloatArena(count: count)
    let base = arena.base
    blocks = blockOffsets.map { offset in
      Block(
        attentionInput: base + offset.0, attentionInputScales: base + offset.1, qkv: base + offset.2,
        attention: base + offset.3, maxima: base + offset.4, inverseSums: base + offset.5,
        mlpInput: base + offset.6, mlpInputScales: base + offset.7, hidden: base + offset.8)
    }
    residual = base + offsets.0
    logits = base + offsets.1
    dResidual = base + offsets.2
    dBranch = base + offsets.3
    dqkv = base + offsets.4
    scratch = base + offsets.5
    embeddingScales = base + offsets.6
  }

  private typealias Offsets7 = (Int, Int, Int, Int, Int, Int, Int)
  private typealias Offsets9 = (Int, Int, Int, Int, Int, Int, Int, Int, Int)

  /// Where each piece begins, block by block and once for all blocks, and how many floats that makes.
  private static func layout(
    _ configuration: GPTConfiguration
  ) -> (count: Int, blocks: [Offsets9], once: Offsets7) {
    let (T, C, H) = (configuration.blockSize, configuration.embeddingSize, configuration.headCount)
    let shape = attentionShape(configuration, rows: T)
    var layout = ArenaLayout()
    let rows = (
      model: T * paddedStride(C), qkv: T * paddedStride(3 * C), hidden: T * paddedStride(4 * C),
      logits: T * paddedStride(configuration.vocabularySize)
    )
    let blocks = (0..<configuration.layerCount).map { _ in
      (
        layout.add(rows.model), layout.add(T), layout.add(rows.qkv), layout.add(rows.model),
        layout.add(H * T), layout.add(H * T), layout.add(rows.model), layout.add(T), layout.add(rows.hidden)
      )
    }
    let once = (
      layout.add(rows.model), layout.add(rows.logits), layout.add(rows.model), layout.add(rows.model),
      layout.add(rows.qkv), layout.add(max(shape.forwardScratch, shape.backwardScratch)), layout.add(T)
    )
    return (layout.count, blocks, once)
  }

  /// Floats of one workspace.
  public static func floatCount(_ configuration: GPTConfiguration) -> Int { layout(configuration).count }

  /// The logits of the last forward pass that did not compute a loss, row-major (rows × V).
  public func copyLogits(rows: Int) -> [Float] {
    (0..<rows).flatMap { row in
      UnsafeBufferPointer(start: logits + row * logitsStride, count: configuration.vocabularySize)
    }
  }

  func attentionShape(rows: Int) -> AttentionShape { Self.attentionShape(configuration, rows: rows) }

  private static func attentionShape(_ configuration: GPTConfiguration, rows: Int) -> AttentionShape {
    AttentionShape(
      rows: rows, heads: configuration.headCount, headSize: configuration.headSize,
      qkvStride: paddedStride(3 * configuration.embeddingSize),
      outputStride: paddedStride(configuration.embeddingSize))
  }
}

/// Offsets of consecutive pieces of an arena, each aligned to a cache line and followed by room for a vector
/// load that begins at its last element.
struct ArenaLayout {
  private(set) var count = 0

  mutating func add(_ floats: Int) -> Int {
    defer { count += (floats + 15) / 16 * 16 + 32 }
    return count
  }
}
