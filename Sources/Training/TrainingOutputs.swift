// What rank 0 does beyond its share of the work. Training does not know files or formats of checkpoints: the
// program hands in an implementation.

/// Receives the results of a training, on rank 0.
public protocol TrainingOutputs: AnyObject {
  /// A step has ended.
  func finished(_ metrics: StepMetrics, _ trainer: Trainer)
  /// The held-out part has been evaluated.
  func validated(_ loss: Double, _ trainer: Trainer)
  /// A checkpoint is due. A failure that the training can outlive is the implementation's to report.
  func save(_ trainer: Trainer, isFinal: Bool) throws
  /// Samples are due.
  func sample(_ trainer: Trainer)
}
