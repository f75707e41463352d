// The gradient of one leaf of the reduction tree: a microbatch, sequence by sequence, on one thread. Depends
// only on the leaf's tokens, the weights and the scale.

import Kernels

extension PreparedModel {
  /// Loss and gradient of `sequences`, taken in order.
  ///
  /// - Parameters:
  ///   - sequences: n + 1 tokens each, 2 ≤ n + 1 ≤ T + 1; at least one sequence.
  ///   - gradientScale: 1 / (targets in the whole global batch), which weights uneven leaves correctly.
  ///   - gradient: `table.arenaCount` floats with any contents; padding between tensors is zeroed.
  ///   - progress: called after each part of a backward pass, with the element from which on `gradient` is finished:
  ///     `arenaCount`, nothing, until the last sequence's pass, at its end 0.
  /// - Returns: the sum of the cross-entropy over all targets of the leaf, in nats.
  public func leafLossAndGradient(
    _ sequences: some Collection<some Collection<Int32>>, gradientScale: Float,
    into gradient: UnsafeMutablePointer<Float>, _ workspace: SequenceWorkspace,
    progress: (_ firstFinished: Int) -> Void = { _ in }
  ) -> Double {
    precondition(!sequences.isEmpty, "a leaf has at least one sequence")
    // The first product stores linear gradients; embeddings are added to, and nothing writes the padding.
    for (index, entry) in table.entries.enumerated() {
      let isEmbedding = index == table.tokenEmbedding || index == table.positionEmbedding
      let first = isEmbedding ? 0 : entry.count
      let end = (entry.count + 15) / 16 * 16
      (gradient + entry.offset + first).update(repeating: 0, count: end - first)
    }
    var loss = 0.0
    for (index, tokens) in sequences.enumerated() {
      let isLast = index == sequences.count - 1
      loss += withStorage(of: tokens) {
        lossAndGradient(
          $0, gradientScale: gradientScale, into: gradient, accumulate: index > 0, workspace
        ) { progress(isLast ? $0 : table.arenaCount) }
      }
    }
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
