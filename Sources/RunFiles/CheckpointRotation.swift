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

  /// Existing step files, that of the highest step first.
  static func stepFiles(of path: String) throws -> [String] {
    let folder = folder(of: path)
    let found = try fileNames(in: folder).compactMap { name in
      step(ofFile: name, of: path).map { (path: "\(folder)/\(name)", step: $0) }
    }
    return found.sorted { ($0.step, $0.path) > ($1.step, $1.path) }.map(\.path)
  }

  /// Without those that say they are of another run: they are not this one's to count or to remove.
  package static func stepFiles(of path: String, ofRun run: UInt64) throws -> [String] {
    try stepFiles(of: path).filter { file in
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
    (((try? stepFiles(of: path)) ?? []) + [sibling(of: path, "best")]).compactMap { path in
      FileIdentity(path).map { Sibling(path: path, identity: $0) }
    }
  }

  /// Of `model.step-000200.jld2`; nil for other names.
  private static func step(ofFile name: String, of path: String) -> Int? {
    let (stem, suffix) = stemAndSuffix(of: fileName(of: path))
    let prefix = "\(stem).step-"
    guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
    let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
    return isNumber(digits) ? Int(digits) : nil
  }

  /// The checkpoint whose rotation has a file of this name, however often: `model.jld2` for `model.best.jld2` and for
  /// `model.step-000200.jld2`. Jobs with one family would replace each other's files.
  static func familyPath(of path: String) -> String {
    let name = fileName(of: path)
    var (stem, suffix) = stemAndSuffix(of: name)
    if isWordOfSibling(suffix.dropFirst()) { (stem, suffix) = (name, "") }
    while let dot = stem.lastIndex(of: "."), dot != stem.startIndex,
      isWordOfSibling(stem[stem.index(after: dot)...])
    {
      stem = String(stem[..<dot])
    }
    return path.dropLast(name.count) + stem + suffix
  }

  private static func isWordOfSibling(_ word: Substring) -> Bool {
    word == "best" || word.hasPrefix("step-") && isNumber(word.dropFirst("step-".count))
  }

  private static func isNumber(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
  }

  /// `model.jld2`, `best` → `model.best.jld2`.
  static func sibling(of path: String, _ word: String) -> String {
    let name = fileName(of: path)
    let (stem, suffix) = stemAndSuffix(of: name)
    return path.dropLast(name.count) + "\(stem).\(word)\(suffix)"
  }
}
