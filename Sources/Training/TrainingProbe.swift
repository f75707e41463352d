// Where tests can look into the loop, stall it, fail in it or corrupt its numbers. The product passes none;
// the tests' own trainer does (Tests/FaultyTrainer).

import GPTModel
import Kernels
import Platform

/// Called on every rank, in the order of a step. Each method may throw, which ends the job as an error of
/// that rank.
public protocol TrainingProbe: AnyObject, Sendable {
  /// Before this rank computes its leaves.
  func willCompute(step: Int, rank: Int, weights: FloatArena, table: ParameterTable) throws
  /// Afterwards; `nodes` are its gradients, summed along the tree.
  func didCompute(
    step: Int, rank: Int, losses: inout [Double], nodes: [UnsafeMutablePointer<Float>], table: ParameterTable)
    throws
  /// After the ranks have met, before gradients are sent.
  func willReduce(step: Int, rank: Int) throws
  /// While the state is locked, right after the update.
  func didUpdate(step: Int, rank: Int, weights: FloatArena)
  func willValidate(step: Int, rank: Int) throws
  /// Before the weights are compared across ranks.
  func willCompare(step: Int, rank: Int) throws
  /// While this step is saved, on whichever thread saves it.
  func saving(_ phase: FileReplacement.Phase, step: Int) throws
  /// Before lines of metrics are written, on the thread that writes them.
  func writingMetrics()
}
