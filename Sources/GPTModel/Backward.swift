// The backward pass of one sequence, written by hand: each step quotes the forward line it inverts.

import Kernels

extension PreparedModel {
  /// Forward and backward of a sequence of n + 1 tokens.
  ///
  /// - Parameters:
  ///   - gradientScale: multiplies every gradient: 1 / (tokens of the whole global batch).
  ///   - gradient: arena laid out like the weights. Linear gradients are stored, or added if `accumulate`;
  ///     embedding gradients are always added.
  ///   - isFinal: told after each part of the backward pass from which element on `gradient` is finished.
  /// - Returns: the sum of the cross-entropy over the n targets, in nats.
  func lossAndGradient(
    _ tokens: UnsafeBufferPointer<Int32>, gradientScale: Float, into gradient: UnsafeMutablePointer<Float>,
    accumulate: Bool, _ workspace: SequenceWorkspace, isFinal: (_ first: Int) -> Void
  ) -> Double {
    let loss = forwardLoss(tokens, gradientScale: gradientScale, workspace)
    guard let inputs = tokens.baseAddress else { return loss }
    let w = workspace
    let rows = tokens.count - 1
    let C = configuration.embeddingSize
    let dx = w.dResidual

    // logits = lm_head·x
    head.backwardWeights(
      w.residual, stride: w.stride, w.logits, stride: w.logitsStride, into: gradient, rows: rows,
      accumulate: accumulate)
    head.backwardInput(w.logits, stride: w.logitsStride, into: dx, stride: w.stride, rows: rows)
    w.profile.lap(.linear)
    isFinal(table.entries[table.languageModelHead].offset)

    for (index, (block, saved)) in zip(blocks, w.blocks).enumerated().reversed() {
      // x += fc2·hidden
      block.project.backwardWeights(
        saved.hidden, stride: w.hiddenStride, dx, stride: w.stride, into: gradient, rows: rows,
        accumulate: accumulate)
      // hidden = relu(fc1·mlpInput): its gradient passes where hidden was positive, and overwrites it.
      block.project.backwardInput(
        dx, stride: w.stride, into: saved.hidden, stride: w.hiddenStride, rows: rows, .maskPositive)
      block.expand.backwardWeights(
        saved.mlpInput, stride: w.stride, saved.hidden, stride: w.hiddenStride, into: gradient, rows: rows,
        accumulate: accumulate)
      block.expand.backwardInput(
        saved.hidden, stride: w.hiddenStride, into: w.dBranch, stride: w.stride, rows: rows)
      w.profile.lap(.linear)
      // mlpInput = RMSNorm(x)
      rmsNormBackward(
        dy: w.dBranch, y: saved.mlpInput, scales: saved.mlpInputScales, addingInto: dx, rows: rows,
        columns: C, stride: w.stride)
      w.profile.lap(.other)

      // x += wo·attention
      block.output.backwardWeights(
        saved.attention, stride: w.stride, dx, stride: w.stride, into: gradient, rows: rows,
        accumulate: accumulate)
      block.output.backwardInput(dx, stride: w.stride, into: w.dBranch, stride: w.stride, rows: rows)
      w.profile.lap(.linear)
      // attention = softmax(Q·Kᵀ/√D)·V
      attentionBackward(
        w.attentionShape(rows: rows), dOutput: w.dBranch, output: saved.attention, qkv: saved.qkv,
        maxima: saved.maxima, inverseSums: saved.inverseSums, into: w.dqkv, scratch: w.scratch)
      w.profile.lap(.attention)
      // qkv = [wq wk wv]·attentionInput
      block.attention.backwardWeights(
        saved.attentionInput, stride: w.stride, w.dqkv, stride: w.qkvStride, into: gradient, rows: rows,
        accumulate: accumulate)
      block.attention.backwardInput(
        w.dqkv, stride: w.qkvStride, into: w.dBranch, stride: w.stride, rows: rows)
      w.profile.lap(.linear)
      // attentionInput = RMSNorm(x)
      rmsNormBackward(
        dy: w.dBranch, y: saved.attentionInput, scales: saved.attentionInputScales, addingInto: dx,
        rows: rows, columns: C, stride: w.stride)
      w.profile.lap(.other)
      isFinal(table.entries[table.blocks[index].query].offset)
    }

    // x = RMSNorm(wte[token] + wpe[position])
    embedNormalized(inputs, rows: rows, w)
    w.dBranch.update(repeating: 0, count: rows * w.stride)
    rmsNormBackward(
      dy: dx, y: w.residual, scales: w.embeddingScales, addingInto: w.dBranch, rows: rows, columns: C,
      stride: w.stride)
    embedBackward(
      dx: w.dBranch, inputs, tokenGradient: gradient + table.entries[table.tokenEmbedding].offset,
      positionGradient: gradient + table.entries[table.positionEmbedding].offset, rows: rows, columns: C,
      stride: w.stride)
    w.profile.lap(.other)
    isFinal(0)
    return loss
  }
}
