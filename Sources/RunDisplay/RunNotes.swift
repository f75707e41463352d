// What a user should know about a run that works, but not as meant: one line each, nil where all is well.

import CommandLineOptions
import Foundation
import Platform
import TrainingState

package enum RunNotes {
  /// A beginning far worse than guessing, from initial weights that are too large for the model.
  ///
  /// - Parameter loss: of the first step, nats.
  package static func firstLoss(_ loss: Double, of configuration: TrainingConfiguration) -> String? {
    let model = configuration.model
    let guessing = log(Double(model.vocabularySize))
    // The reference's own default begins at 1.6 times that.
    guard loss > 2 * guessing, configuration.initialScheme == .reference else { return nil }
    return "the first loss, \(Readable.fixed(loss, digits: 2)), is far above that of guessing, "
      + "\(Readable.fixed(guessing, digits: 2)): the initial weights are large for n_embd \(model.embeddingSize); "
      + "--\(SettingsTable.initialScheme.name) scaled begins near it"
  }
}
