// Which checkpoint a resumed training goes on from: the newest, or else the furthest one beside it that loads and is of
// the same run.

import Checkpointing
import Platform
import TrainingState

extension CheckpointRotation {
  /// A checkpoint that could be loaded, and those that were tried before it.
  package struct Found: Sendable {
    package let path: String
    package let snapshot: TrainingSnapshot
    /// Files that were passed over and what is wrong with each, newest first, to tell the user.
    package let skipped: [InvalidInput]
  }

  /// The newest checkpoint that loads: `path`, or else the sibling of the highest step, then the best.
  ///
  /// A sibling must be of the run that `path` is of, as even a damaged file usually says. Where it does not, the
  /// siblings must be of one run.
  ///
  /// - Parameter isResumable: whether it must contain a training state.
  /// - Throws: `InvalidInput`: what is wrong with `path`, if nothing beside it can take its place.
  package static func newestGood(
    near path: String, isResumable: Bool = true, using reader: ContainedReader = ContainedReader()
  ) throws -> Found {
    var skipped: [InvalidInput] = []
    do {
      return Found(
        path: path, snapshot: try read(path, isResumable: isResumable, using: reader), skipped: [])
    } catch let error as InvalidInput {
      skipped.append(error)
    }
    let wanted = try? CheckpointFile.statedRun(of: path)
    var tried = Set([FileIdentity(path)])
    var good: [(path: String, snapshot: TrainingSnapshot)] = []
    for sibling in siblings(of: path) where tried.insert(sibling.identity).inserted {
      do {
        let snapshot = try read(sibling.path, isResumable: isResumable, using: reader)
        if let wanted, let run = snapshot.training?.runFingerprint, run != wanted {
          skipped.append(
            InvalidInput("checkpoint \(sibling.path): it is of another run than \(path) (\(words(snapshot)))")
          )
          continue
        }
        good.append((sibling.path, snapshot))
        // Further ones matter only for telling runs apart.
        if wanted != nil { break }
      } catch let error as InvalidInput {
        skipped.append(error)
      }
    }
    guard let first = good.first else {
      guard skipped.count > 1 else { throw skipped[0] }
      throw InvalidInput(
        "\(skipped[0]); none of the \(skipped.count - 1) older checkpoints beside it can take its place")
    }
    if let other = good.first(where: {
      $0.snapshot.training?.runFingerprint != first.snapshot.training?.runFingerprint
    }) {
      throw InvalidInput(
        "\(skipped[0]); the checkpoints beside it are of different runs: \(first.path) (\(words(first.snapshot))) and "
          + "\(other.path) (\(words(other.snapshot))); name the one to go on from with --checkpoint")
    }
    return Found(path: first.path, snapshot: first.snapshot, skipped: skipped)
  }

  private static func read(
    _ path: String, isResumable: Bool, using reader: ContainedReader
  ) throws -> TrainingSnapshot {
    let snapshot = try CheckpointFile.read(path, using: reader)
    guard !isResumable || snapshot.training != nil else {
      throw InvalidInput("checkpoint \(path): it holds weights only and cannot be resumed; use --init-from")
    }
    return snapshot
  }

  /// A run, for people: what usually tells two apart.
  private static func words(_ snapshot: TrainingSnapshot) -> String {
    guard let training = snapshot.training else { return "weights only" }
    return "step \(training.progress.step), seed \(training.configuration.seed), run "
      + String(training.runFingerprint, radix: 16)
  }
}
