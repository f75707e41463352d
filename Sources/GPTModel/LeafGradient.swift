// The gradient of one leaf of the reduction tree: a microbatch, sequence by sequence, on one thread.
// A function of the leaf's tokens, the weights and the scale alone.

import Kernels

extension PreparedModel {
  /// Loss and gradient of `sequences`, in their order.
  ///
  /// - Parameters:
  ///   - sequences: n + 1 tokens each, 2 ≤ n + 1 ≤ T + 1; at least one sequence.
  ///   - gradientScale: 1 / (targets in the whole global batch), so that uneven leaves weigh right.
  ///   - gradient: `table.arenaCount` floats that may hold anything; padding between tensors becomes zero.
  /// - Returns: the sum of the cross-entropy over all targets of the leaf, in nats.
  public func leafLossAndGradient(
    _ sequences: some Sequence<some Collection<Int32>>, gradientScale: Float,
    into gradient: UnsafeMutablePointer<Float>, _ workspace: SequenceWorkspace
  ) -> Double {
    // Linear weights are stored by their first product; embeddings are added to, and padding is nobody's.
    for (index, entry) in table.entries.enumerated() {
      let isEmbedding = index == table.tokenEmbedding || index == table.positionEmbedding
      let first = isEmbedding ? 0 : entry.count
      let end = (entry.count + 15) / 16 * 16
      (gradient + entry.offset + first).update(repeating: 0, count: end - first)
    }
    var loss = 0.0
    var isFirst = true
    for tokens in sequences {
      loss += withStorage(of: tokens) {
        lossAndGradient(
          $0, gradientScale: gradientScale, into: gradient, accumulate: !isFirst, workspace)
      }
      isFirst = false
    }
    precondition(!isFirst, "a leaf has at least one sequence")
    return loss
  }

  /// Sum of the cross-entropy over all targets of `sequences`, in nats.
  public func leafLoss(
    _ sequences: some Sequence<some Collection<Int32>>, _ workspace: SequenceWorkspace
  ) -> Double {
    sequences.reduce(0) { sum, tokens in sum + withStorage(of: tokens) { loss($0, workspace) } }
  }

  private func withStorage(
    of tokens: some Collection<Int32>, _ body: (UnsafeBufferPointer<Int32>) -> Double
  ) -> Double {
    guard let result = tokens.withContiguousStorageIfAvailable(body) else {
      preconditionFailure("sequences lie in arrays, or in parts of one")
    }
    return result
  }
}
