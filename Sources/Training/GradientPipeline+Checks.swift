// Finds which rank and tensor has a number that is not finite: all ranks stop before the update.

import DataParallel
import Kernels
import Platform

extension GradientPipeline {
  /// Finds whether a weight is to blame for the loss of `rank` that is not finite.
  func diagnoseLoss(rank: Int, step: Int) throws -> any Error {
    let bad = firstNonFinite(model.weights.base, count: model.weights.count)
    let finding = bad.map { model.table.entry(containing: $0)?.path ?? "padding" } ?? ""
    let findings = try communicator.allgather(Array(finding.utf8)).map { String(decoding: $0, as: UTF8.self) }
    let cause = findings[rank].isEmpty ? "" : " (its weights are not: \(findings[rank]))"
    return notFinite("the loss\(cause)", rank: rank, step: step)
  }

  /// Finds whose gradient is to blame for a sum that is not finite. The reduction has overwritten the leaves,
  /// so every rank recomputes its own: the weights are still those of the step.
  func diagnoseGradient(_ shard: TokenBatch, step: Int) throws -> any Error {
    computer.fold.recycle()
    try computeLeaves(shard, step: step)
    var tensor = ""
    for index in computer.fold.nodeRanges.indices where tensor.isEmpty {
      if let bad = firstNonFinite(computer.fold.node(index), count: gradient.count) {
        tensor = model.table.entry(containing: bad)?.path ?? "padding"
      }
    }
    let findings = try communicator.allgather(Array(tensor.utf8)).map { String(decoding: $0, as: UTF8.self) }
    guard let rank = findings.firstIndex(where: { !$0.isEmpty }) else {
      return communicator.agreed(
        RuntimeFailure(
          "step \(step): the sum of finite gradients overflows; nothing was updated, the last checkpoint is "
            + "intact: lower --learning-rate or set --grad-clip"))
    }
    return notFinite("the gradient of \(findings[rank])", rank: rank, step: step)
  }

  /// An agreed error: all ranks call this with the same arguments.
  private func notFinite(_ what: String, rank: Int, step: Int) -> any Error {
    communicator.agreed(
      RuntimeFailure(
        "step \(step): \(what) is not a finite number on \(communicator.describe(rank)); "
          + "nothing was updated, the last checkpoint is intact: lower --learning-rate or set --grad-clip"))
  }
}
