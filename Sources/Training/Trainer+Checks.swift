// What a rank checks before it trusts its numbers: equal weights on all ranks, finite gradients.

import DataParallel
import Diagnostics
import Foundation
import GPTModel
import Kernels
import Reproducibility

extension Trainer {
  /// Compares the weights' hash across ranks.
  ///
  /// - Returns: the hash that all ranks have.
  /// - Throws: `RuntimeFailure` naming the ranks that differ from the majority.
  func compareReplicas(step: Int) throws -> String {
    let digest = model.table.weightsDigest(of: model.weights)
    let digests = try communicator.allgather(Array(withUnsafeBytes(of: digest.littleEndian) { Array($0) }))
      .map { bytes in bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
    try ReplicaCheck.verify(hashes: digests, of: "the weights", step: step, communicator: communicator)
    comparedStep = step
    return XXHash64.hexadecimal(digest)
  }

  /// Agreed by all ranks, which all call it with the same.
  private func notFinite(_ what: String, rank: Int, step: Int) -> any Error {
    communicator.agreed(
      RuntimeFailure(
        "step \(step): \(what) is not a finite number on \(communicator.describe(rank)); nothing was updated, "
          + "the last checkpoint is intact: lower --learning-rate or set --grad-clip"))
  }

  /// Whether a weight is behind the loss of `rank` that is not finite.
  func diagnoseLoss(rank: Int, step: Int) throws -> any Error {
    let bad = firstNonFinite(model.weights.base, count: model.weights.count)
    let finding = bad.map { model.table.entry(containing: $0)?.path ?? "padding" } ?? ""
    let findings = try communicator.allgather(Array(finding.utf8)).map { String(decoding: $0, as: UTF8.self) }
    let cause = findings[rank].isEmpty ? "" : " (its weights are not: \(findings[rank]))"
    return notFinite("the loss\(cause)", rank: rank, step: step)
  }

  /// Finds out whose gradient is not finite, and in which tensor. The reduction has used up the leaves, so
  /// every rank computes its own once more: the weights are still those of the step.
  func diagnoseGradient(_ batches: [[[Int32]]], step: Int) throws -> any Error {
    computer.fold.recycle()
    let expectedTargets = configuration.globalBatchSize * configuration.model.blockSize
    computer.compute(batches, gradientScale: 1 / Float(expectedTargets))
    try faults?.poison(computer, step: step, rank: communicator.rank)
    var tensor = ""
    for index in computer.fold.nodeRanges.indices where tensor.isEmpty {
      let node = computer.fold.node(index)
      if let bad = firstNonFinite(node, count: gradient.count) {
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
}
