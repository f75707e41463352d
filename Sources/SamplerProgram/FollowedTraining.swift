// Samples of every state that a training saves, as long as it runs.

import CheckpointFamilies
import CheckpointTools
import CommandLineOptions
import Glibc
import Platform

enum FollowedTraining {
  /// Between two looks at the file.
  private static let pollMicroseconds: UInt32 = 250_000
  /// Seconds without a writer after which a training has ended: a supervised one is begun again within less.
  private static let graceSeconds = 5.0

  /// Returns when the training has ended; a signal ends it as any program.
  /// - Throws: `InvalidInput` if there is neither a state nor a training that will save one.
  static func run(_ options: ParsedOptions, _ plan: SamplingPlan) throws {
    var path = options[SamplerOptions.checkpoint] ?? ""
    if path.isEmpty || FileIdentity(path) == nil && OutputLock.writer(of: path) == nil {
      path = try ModelChoice.path(options, isNewest: true)
    }
    StandardStream.error.line("note: following \(path); Ctrl-C ends it")
    var seen: FileState?
    var shown: LoadedModel?
    var writerSeen = monotonicSeconds() - graceSeconds
    while true {
      // Before the file: what was saved last is not missed.
      if OutputLock.writer(of: path) != nil { writerSeen = monotonicSeconds() }
      let state = FileState(path)
      if let state, state != seen {
        seen = state
        if let model = load(path),
          model.weightsHash != shown?.weightsHash || model.progress != shown?.progress
        {
          shown = model
          try plan.write(from: model) { number in
            "=== \(model.stateWords)\(plan.sampleCount > 1 ? ", sample \(number)" : "") ==="
          }
          if let step = model.progress?.step, step == model.totalSteps {
            StandardStream.error.line(
              "note: the training has ended with its last step, \(Readable.grouped(step))")
            return
          }
        }
        continue
      }
      if monotonicSeconds() - writerSeen >= graceSeconds {
        let last = shown.map { ": \($0.stateWords)" } ?? ""
        StandardStream.error.line("note: no training writes \(path) now; that was its last state\(last)")
        return
      }
      usleep(pollMicroseconds)
    }
  }

  private static func load(_ path: String) -> LoadedModel? {
    do {
      return try LoadedModel(path)
    } catch {
      StandardStream.error.line("warning: \(error)")
      return nil
    }
  }

  /// Changes whenever another file takes the name, or the file is written to.
  private struct FileState: Equatable {
    let identity: FileIdentity
    let modified: Modified

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      identity = FileIdentity(status)
      modified = Modified(status)
    }
  }
}
