// The forward pass of one sequence:
//   x = RMSNorm(wte[token] + wpe[position])
//   per block: x += wo·attention(RMSNorm(x)); x += fc2·relu(fc1·RMSNorm(x))
//   logits = lm_head·x          (no norm before the head)

import Kernels

extension PreparedModel {
  /// Computes the logits of `rows` ≤ T tokens and keeps in `workspace` what the backward pass needs.
  ///
  /// - Parameter tokens: `rows` ids in 0..<V.
  public func forward(_ tokens: UnsafePointer<Int32>, rows: Int, _ workspace: SequenceWorkspace) {
    precondition(rows > 0 && rows <= configuration.blockSize)
    let w = workspace
    let C = configuration.embeddingSize
    let x = w.residual
    w.profile.start()
    embedNormalized(tokens, rows: rows, w)
    for (block, saved) in zip(blocks, w.blocks) {
      rmsNorm(
        x, into: saved.attentionInput, scales: saved.attentionInputScales, rows: rows, columns: C,
        stride: w.stride)
      w.profile.lap(.other)
      block.attention.forward(
        saved.attentionInput, stride: w.stride, into: saved.qkv, stride: w.qkvStride, rows: rows)
      w.profile.lap(.linear)
      attention(
        w.attentionShape(rows: rows), qkv: saved.qkv, into: saved.attention, maxima: saved.maxima,
        inverseSums: saved.inverseSums, scratch: w.scratch)
      w.profile.lap(.attention)
      block.output.forward(saved.attention, stride: w.stride, into: x, stride: w.stride, rows: rows, .add)
      w.profile.lap(.linear)
      rmsNorm(
        x, into: saved.mlpInput, scales: saved.mlpInputScales, rows: rows, columns: C, stride: w.stride)
      w.profile.lap(.other)
      block.expand.forward(
        saved.mlpInput, stride: w.stride, into: saved.hidden, stride: w.hiddenStride, rows: rows, .relu)
      block.project.forward(saved.hidden, stride: w.hiddenStride, into: x, stride: w.stride, rows: rows, .add)
      w.profile.lap(.linear)
    }
    head.forward(x, stride: w.stride, into: w.logits, stride: w.logitsStride, rows: rows)
    w.profile.lap(.linear)
  }

  /// Residual stream (rows × C) = RMSNorm(wte[token] + wpe[position]). The backward pass recomputes it, which
  /// is cheaper than keeping a T × C buffer through all blocks.
  func embedNormalized(_ tokens: UnsafePointer<Int32>, rows: Int, _ w: SequenceWorkspace) {
    let C = configuration.embeddingSize
    embed(
      tokens, tokenTable: tokenTable, positionTable: positionTable, into: w.residual, rows: rows, columns: C,
      stride: w.stride)
    rmsNorm(
      w.residual, into: w.residual, scales: w.embeddingScales, rows: rows, columns: C, stride: w.stride)
  }

  /// Sum of the cross-entropy, in nats, of a sequence of n + 1 tokens: n inputs, each with the next token as
  /// its target.
  public func loss(_ tokens: UnsafeBufferPointer<Int32>, _ workspace: SequenceWorkspace) -> Double {
    forwardLoss(tokens, gradientScale: nil, workspace)
  }

  func forwardLoss(
    _ tokens: UnsafeBufferPointer<Int32>, gradientScale: Float?, _ workspace: SequenceWorkspace
  ) -> Double {
    guard let base = tokens.baseAddress, tokens.count > 1 else {
      preconditionFailure("a sequence has at least one input and one target")
    }
    let rows = tokens.count - 1
    forward(base, rows: rows, workspace)
    let loss = crossEntropy(
      logits: workspace.logits, targets: base + 1, rows: rows, columns: configuration.vocabularySize,
      stride: workspace.logitsStride, gradientScale: gradientScale)
    workspace.profile.lap(.other)
    return loss
  }
}
