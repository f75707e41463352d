// Keeps the newest checkpoints and the best one, and finds those that still load.
//
// The file of the latest step is a hard link to the newest, not a copy. Names are up to `CheckpointFamily`.

import CheckpointFamilies
import Checkpointing
import Glibc
import Platform
import TrainingState

package struct CheckpointRotation: Sendable {
  /// The newest checkpoint's path.
  package let path: String
  /// How many states to keep, including the newest; 1 keeps only `path`.
  package let keep: Int

  package init(path: String, keep: Int) {
    precondition(keep >= 1)
    self.path = path
    self.keep = keep
  }

  package var bestPath: String { CheckpointFamily.bestPath(of: path) }
  package func stepPath(_ step: Int) -> String { CheckpointFamily.stepPath(of: path, step: step) }

  /// Saves a state as the newest, and as the best if `isBest`, and removes those of its run beyond `keep`: those of the
  /// highest steps stay, which by the law of equal bits are the furthest, whenever they were written.
  ///
  /// - Parameter replaced: files of an earlier run, which go as soon as the new state is in its place.
  /// - Throws: `RuntimeFailure`. What has been saved by then stays.
  package func save(
    _ snapshot: TrainingSnapshot, isBest: Bool = false, insteadOf replaced: [Sibling] = [],
    onPhase: (FileReplacement.Phase) throws -> Void = { _ in }
  ) throws {
    try CheckpointFile.write(snapshot, to: path, onPhase: onPhase)
    for old in replaced where FileIdentity(old.path) == old.identity { try Self.remove(old.path) }
    if keep > 1, let training = snapshot.training {
      try addName(stepPath(training.progress.step), to: snapshot)
      let own = try Self.stepFiles(of: path, ofRun: training.runFingerprint)
      for old in own.dropFirst(keep) { try Self.remove(old) }
    }
    if isBest { try addName(bestPath, to: snapshot) }
  }

  private static func remove(_ old: String) throws {
    guard unlink(old) == 0 || errno == ENOENT else {
      throw RuntimeFailure("cannot remove the old checkpoint \(old): \(systemError())")
    }
  }

  /// Gives the file just saved a second name, as atomically as the file itself.
  private func addName(_ name: String, to snapshot: TrainingSnapshot) throws {
    do {
      if try FileReplacement.link(path, as: name) { return }
    } catch {
      throw RuntimeFailure("cannot save checkpoint \(name): \(error)")
    }
    // File systems without hard links get a second copy.
    try CheckpointFile.write(snapshot, to: name)
  }

  /// Whether `path` or a state kept beside it is there, whole or damaged.
  package static func isPresent(at path: String) -> Bool {
    FileIdentity(path) != nil || isSymbolicLink(path) || !siblings(of: path).isEmpty
  }

  /// Existing step files, that of the highest step first, without those that say they are of another run: they are not this one's to count or to remove.
  package static func stepFiles(of path: String, ofRun run: UInt64) throws -> [String] {
    try CheckpointFamily.stepFiles(of: path).filter { file in
      guard let stated = try? CheckpointFile.statedRun(of: file) else { return true }
      return stated == run
    }
  }

  /// A file beside the newest checkpoint.
  package struct Sibling: Sendable {
    package let path: String
    let identity: FileIdentity
  }

  /// The kept steps, highest first, and the best.
  package static func siblings(of path: String) -> [Sibling] {
    (((try? CheckpointFamily.stepFiles(of: path)) ?? []) + [CheckpointFamily.bestPath(of: path)]).compactMap {
      path in
      FileIdentity(path).map { Sibling(path: path, identity: $0) }
    }
  }
}
