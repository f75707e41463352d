// What the log says of a training that ended before its last step because nothing got better, and how to go on.

import Platform
import Training
import TrainingState

enum EarlyStop {
  /// At most 79 columns each; none of another end.
  ///
  /// - Parameter state: where the training stands; nil for weights alone.
  static func lines(_ result: TrainingResult, _ state: TrainingState?) -> [String] {
    guard result.endedEarly, let state else { return [] }
    return lines(of: state)
  }

  /// `Stopped early after step 300 of 1830 (--patience 3): the last 3 validations`, …
  static func lines(of state: TrainingState) -> [String] {
    let (patience, progress) = (state.configuration.patience, state.progress)
    let count = progress.validationsSinceBest
    return [
      "Stopped early after step \(progress.step) of \(state.configuration.totalSteps) (--patience \(patience)): "
        + (count == 1 ? "the last validation" : "the last \(count) validations"),
      "\(count == 1 ? "was" : "were") no better than \(Readable.fixed(progress.bestValidationLoss, digits: 4)); go on with "
        + "--resume --patience \(2 * max(patience, count)) (0: to the end)",
    ]
  }
}
