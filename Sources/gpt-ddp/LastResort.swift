// What SIGTERM to mpirun leaves time for: ranks are killed a second after it, finished with their step or not.

import DataParallel
import Foundation
import Training

/// A thread of rank 0 that, when a step outlasts the patience after a SIGTERM, saves the step before it.
final class LastResort: @unchecked Sendable {
  private let trainer: Trainer
  private let outputs: Outputs
  private let checkpointPath: String

  /// For the ranks to agree on a stop and for rank 0 to save then, which is the better end.
  private static let patience = 0.2

  private init(_ trainer: Trainer, _ outputs: Outputs, checkpointPath: String) {
    self.trainer = trainer
    self.outputs = outputs
    self.checkpointPath = checkpointPath
  }

  /// The thread lives as long as the process. `Outputs` sees to it that it writes nothing after the end.
  static func watch(_ trainer: Trainer, _ outputs: Outputs, checkpointPath: String) {
    let watch = LastResort(trainer, outputs, checkpointPath: checkpointPath)
    let thread = Thread { watch.run() }
    thread.name = "last resort"
    // The default of a thread that Foundation starts; hashing and HDF5 need little.
    thread.stackSize = 8 << 20
    thread.start()
  }

  private func run() {
    var continuations = SignalRequests.continuationCount
    while true {
      usleep(20_000)
      if let seconds = SignalRequests.secondsSinceTermination, seconds >= Self.patience || stepsAreLong {
        guard let step = outputs.saveLastFinishedStep(trainer) else { return }
        return printError(
          "SIGTERM: the state after step \(step) is saved and resumable with --resume "
            + "--checkpoint \(checkpointPath)")
      }
      // mpirun announces its SIGTERM. If this is not one, the training has a checkpoint more than it needs.
      if SignalRequests.continuationCount != continuations {
        continuations = SignalRequests.continuationCount
        if stepsAreLong { _ = outputs.saveLastFinishedStep(trainer) }
      }
    }
  }

  /// Whether waiting for the end of a step would be in vain.
  private var stepsAreLong: Bool { trainer.lastStepSeconds > Self.patience }
}
