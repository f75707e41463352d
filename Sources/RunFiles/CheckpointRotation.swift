// Keeps the newest checkpoints and the best one, and finds those that still load.
//
// `model.jld2` is always the newest. Beside it are the newest k, `model.step-000200.jld2`, … (the latest is a
// hard link to `model.jld2`, not a copy), and `model.best.jld2`.

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

  package var bestPath: String { Self.sibling(of: path, "best") }
  package func stepPath(_ step: Int) -> String {
    let digits = String(step)
    return Self.sibling(of: path, "step-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits)
  }

  /// Saves a state as the newest, and as the best if `isBest`, and removes those beyond `keep`.
  ///
  /// - Throws: `RuntimeFailure`. What has been saved by then stays.
  package func save(
    _ snapshot: TrainingSnapshot, isBest: Bool = false,
    onPhase: (FileReplacement.Phase) throws -> Void = { _ in }
  ) throws {
    try CheckpointFile.write(snapshot, to: path, onPhase: onPhase)
    if keep > 1, let step = snapshot.training?.progress.step {
      try addName(stepPath(step), to: snapshot)
      for old in try Self.stepFiles(of: path).dropFirst(keep) where unlink(old) != 0 && errno != ENOENT {
        throw RuntimeFailure("cannot remove the old checkpoint \(old): \(systemError())")
      }
    }
    if isBest { try addName(bestPath, to: snapshot) }
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

  /// A checkpoint that could be loaded, and those that were tried before it.
  package struct Found: Sendable {
    package let path: String
    package let snapshot: TrainingSnapshot
    /// Damaged files and what is wrong with each, newest first, to tell the user.
    package let skipped: [InvalidInput]
  }

  /// Whether `path` or a state kept beside it is there, whole or damaged.
  package static func isPresent(at path: String) -> Bool {
    ([path, sibling(of: path, "best")] + ((try? stepFiles(of: path)) ?? [])).contains {
      FileIdentity($0) != nil || isSymbolicLink($0)
    }
  }

  /// The newest checkpoint that loads: `path`, or else its older siblings, then the best.
  ///
  /// - Parameter isResumable: whether it must contain a training state.
  /// - Throws: `InvalidInput`: what is wrong with `path`, if nothing beside it loads either.
  package static func newestGood(
    near path: String, isResumable: Bool = true, using reader: ContainedReader = ContainedReader()
  ) throws -> Found {
    var skipped: [InvalidInput] = []
    var tried: Set<FileIdentity> = []
    for candidate in [path] + ((try? stepFiles(of: path)) ?? []) + [sibling(of: path, "best")] {
      // The user's own path is an error if missing; the others need not exist.
      let identity = FileIdentity(candidate)
      if identity == nil && candidate != path { continue }
      if let identity, !tried.insert(identity).inserted { continue }
      do {
        let snapshot = try CheckpointFile.read(candidate, using: reader)
        guard !isResumable || snapshot.training != nil else {
          throw InvalidInput(
            "checkpoint \(candidate): it holds weights only and cannot be resumed; use --init-from")
        }
        return Found(path: candidate, snapshot: snapshot, skipped: skipped)
      } catch let error as InvalidInput {
        skipped.append(error)
      }
    }
    guard skipped.count > 1 else { throw skipped[0] }
    throw InvalidInput("\(skipped[0]); none of the \(skipped.count - 1) older checkpoints beside it loads")
  }

  /// Existing step files, last written first: after a return to an older step, lower numbers are newer.
  static func stepFiles(of path: String) throws -> [String] {
    let folder = folder(of: path)
    let found = try fileNames(in: folder).filter { isStepFile($0, of: path) }.compactMap { name in
      writingTime(of: "\(folder)/\(name)").map { (path: "\(folder)/\(name)", time: $0) }
    }
    return found.sorted { ($0.time, $0.path) > ($1.time, $1.path) }.map(\.path)
  }

  private static func writingTime(of path: String) -> Double? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) * 1e-9
  }

  /// Whether a file of this name belongs to the rotation of `path`: itself, the best, or a step's.
  static func owns(_ name: String, of path: String) -> Bool {
    name == fileName(of: path) || name == fileName(of: sibling(of: path, "best"))
      || isStepFile(name, of: path)
  }

  private static func isStepFile(_ name: String, of path: String) -> Bool {
    let (stem, suffix) = stemAndSuffix(of: fileName(of: path))
    let prefix = "\(stem).step-"
    guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return false }
    let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
    return !digits.isEmpty && digits.allSatisfy(\.isNumber)
  }

  /// `model.jld2`, `best` → `model.best.jld2`.
  static func sibling(of path: String, _ word: String) -> String {
    let name = fileName(of: path)
    let (stem, suffix) = stemAndSuffix(of: name)
    return path.dropLast(name.count) + "\(stem).\(word)\(suffix)"
  }
}
