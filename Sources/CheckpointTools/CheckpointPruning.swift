// `--prune`: which checkpoints of a folder nobody needs any more, and their removal once the user agrees.
//
// Never removed: what a training writes beside, the newest `--keep` states of a run, its best state, the best of all that
// was ever saved under its name, a damaged newest state and what could take its place, links, and files that do not say
// that gpt-ddp wrote them.

import CheckpointFamilies
import Glibc
import Platform

package struct CheckpointPruning: Sendable {
  typealias Entry = CheckpointInventory.Entry

  struct Removal: Sendable {
    let entry: Entry
    /// Why nobody needs it, in words.
    let reason: String
  }

  /// In the order of the inventory.
  let removals: [Removal]
  /// Lines on what stays although it is old.
  let notes: [String]

  /// - Parameter keep: states of each run that stay, the newest included.
  init(_ inventory: CheckpointInventory, keep: Int) {
    var removals: [Removal] = []
    var notes: [String] = []
    for family in inventory.families {
      let old = Self.old(family, keep: keep)
      removals += old.filter { $0.entry.writer == nil }
      for (entry, count) in Self.busy(old) {
        notes.append(
          "note: \(Readable.count(count, "old file")) of \(visible(fileName(of: entry.family))) "
            + "\(count == 1 ? "stays" : "stay"): \(entry.writer ?? "") writes there")
      }
    }
    self.removals = removals
    self.notes = notes
  }

  /// One entry for each writer of what would go, and how much that is.
  private static func busy(_ old: [Removal]) -> [(Entry, Int)] {
    let written = old.map(\.entry).filter { $0.writer != nil }
    return Dictionary(grouping: written) { $0.writer ?? "" }.sorted { $0.key < $1.key }.compactMap {
      group in group.value.first.map { ($0, group.value.count) }
    }
  }

  private static func old(_ family: [Entry], keep: Int) -> [Removal] {
    // The lowest validation loss under this name, whichever run has reached it.
    let best = family.filter { $0.isWhole && $0.progress?.bestValidationLoss.isFinite == true }.min {
      ($0.progress?.bestValidationLoss ?? 0, $0.role == .best ? 0 : 1)
        < ($1.progress?.bestValidationLoss ?? 0, $1.role == .best ? 0 : 1)
    }
    let newest = family.first { $0.role == .newest && $0.isWhole }
    let steps = family.filter { $0.role == .step }
    // Without a newest state that loads, the latest that does stands in for it, whichever run it is of.
    let run = newest?.run ?? steps.first { $0.isWhole }?.run
    var kept = Set([newest?.identity].compactMap { $0 })
    for step in steps where step.isWhole && step.run == run && kept.count < keep {
      kept.insert(step.identity)
    }
    return family.compactMap { entry in
      guard entry.isOwn, entry.identity != best?.identity else { return nil }
      switch entry.role {
      case .newest, .best: return nil
      case .setAside: return Removal(entry: entry, reason: "of a run that was set aside")
      case .step:
        // Where the newest does not load, a damaged one may be all that tells what happened.
        if newest == nil, !entry.isWhole { return nil }
        // A second name of a file that stays takes no room.
        if kept.contains(entry.identity) { return nil }
        return Removal(entry: entry, reason: entry.run == run ? "an older state" : "of an earlier run")
      }
    }
  }

  /// Bytes that the file system gets back: of files whose every name goes.
  var freedBytes: Int {
    Dictionary(grouping: removals, by: { $0.entry.identity }).values.reduce(0) { sum, names in
      sum + (names.count == names[0].entry.links ? names[0].entry.size : 0)
    }
  }

  var lines: [String] {
    CheckpointReport.leftAligned(
      removals.map { removal in
        let step = removal.entry.progress.map { ", step \(Readable.grouped($0.step))" } ?? ""
        return [removal.entry.path, "\(removal.reason)\(step)"]
      })
  }

  /// Removes what is still as it was found, each family under its lock.
  ///
  /// - Returns: the paths removed, and notes on what has changed meanwhile.
  /// - Throws: `RuntimeFailure` naming a file that cannot be removed.
  func remove() throws -> (paths: [String], notes: [String]) {
    var paths: [String] = []
    var notes: [String] = []
    let byRun = Dictionary(grouping: removals) { CheckpointFamily.familyPath(of: $0.entry.path) }
    for (run, removals) in byRun.sorted(by: { $0.key < $1.key }) {
      // Its own, and that of the run that has set it aside.
      var locks: [OutputLock] = []
      defer { for lock in locks { lock.release() } }
      do {
        for path in Set([run, removals[0].entry.family]).sorted() {
          locks.append(try OutputLock(checkpoint: path))
        }
      } catch let refusal as InvalidInput {
        notes.append("note: what belongs to \(visible(fileName(of: run))) stays: \(refusal)")
        continue
      }
      notes += locks.flatMap(\.notes).map { "note: \($0)" }
      for removal in removals {
        let entry = removal.entry
        guard FileIdentity(entry.path) == entry.identity, Modified(entry.path) == entry.modified else {
          notes.append("note: \(entry.path) stays: it has changed meanwhile")
          continue
        }
        guard unlink(entry.path) == 0 else {
          throw RuntimeFailure("cannot remove \(entry.path): \(systemError())")
        }
        paths.append(entry.path)
      }
      try? FileReplacement.synchronizeFolder(of: run)
    }
    return (paths, notes)
  }
}

extension CheckpointPruning {
  /// The whole task, with its questions.
  /// - Throws: `InvalidInput` if there is no such folder, or nobody to ask.
  package static func run(folder: String, keep: Int, isAgreed: Bool) throws {
    let pruning = CheckpointPruning(try CheckpointInventory(folder), keep: keep)
    for note in pruning.notes { StandardStream.error.line(note) }
    guard !pruning.removals.isEmpty else {
      StandardStream.output.line("nothing to remove from \(folder)")
      return
    }
    let count = Readable.count(pruning.removals.count, "file")
    try StandardStream.output.document(pruning.lines.joined(separator: "\n"))
    if !isAgreed {
      guard isatty(STDIN_FILENO) == 1 else {
        throw InvalidInput(
          "--prune would remove \(count), and nobody can be asked here; give --yes to remove them")
      }
      guard asks("Remove \(count), \(Readable.bytes(pruning.freedBytes))? [y/N] ") else {
        StandardStream.output.line("nothing was removed")
        return
      }
    }
    let (paths, notes) = try pruning.remove()
    for note in notes { StandardStream.error.line(note) }
    StandardStream.output.line(
      "removed \(Readable.count(paths.count, "file")), \(Readable.bytes(pruning.freedBytes))")
  }

  private static func asks(_ question: String) -> Bool {
    StandardStream.output.pass(Array(question.utf8))
    return ["y", "yes"].contains((readLine() ?? "").lowercased())
  }
}
