// What a user should know about a run that works, but not as meant: one line each, nil where all is well.

import CommandLineOptions
import Foundation
import Platform
import TrainingState

enum RunNotes {
  /// A beginning far worse than guessing, from initial weights that are too large for the model.
  ///
  /// - Parameter loss: of the first step, nats.
  static func firstLoss(_ loss: Double, of configuration: TrainingConfiguration) -> String? {
    let model = configuration.model
    let guessing = log(Double(model.vocabularySize))
    let deviation = saneDeviation(width: model.embeddingSize)
    // The reference's own default begins at 1.6 times that.
    guard loss > 2 * guessing, deviation < configuration.initialDeviation else { return nil }
    return "the first loss, \(Readable.fixed(loss, digits: 2)), is far above that of guessing, "
      + "\(Readable.fixed(guessing, digits: 2)): the initial weights are large for n_embd \(model.embeddingSize); "
      + "--init-std \(decimal(deviation)) begins near it"
  }

  /// A deviation of the initial weights at which a matrix product shrinks its input a little, so that the residual
  /// stream hardly grows through the blocks: 0.5/√C, to two digits. GPT-2 has 0.02 at 768.
  static func saneDeviation(width: Int) -> Double {
    let deviation = 0.5 / Double(width).squareRoot()
    let unit = pow(10, log10(deviation).rounded(.down) - 1)
    return Double(String(format: "%.8g", (deviation / unit).rounded() * unit)) ?? deviation
  }
}
