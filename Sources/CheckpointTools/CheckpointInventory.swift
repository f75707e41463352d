// The checkpoints of a folder: which run each is of, how far it is, and who writes it.

import CheckpointFamilies
import Checkpointing
import Glibc
import Platform
import TrainingState

struct CheckpointInventory: Sendable {
  /// What a name says about a file.
  enum Role: Equatable, Sendable {
    case newest, best, step
    /// Of a run that a later one has set aside.
    case setAside
  }

  struct Entry: Sendable {
    let path: String
    /// The newest state's path of its run's names.
    let family: String
    let role: Role
    let identity: FileIdentity
    let modified: Modified
    /// In bytes.
    let size: Int
    /// Names that the file has.
    let links: Int
    let isLink: Bool
    /// Nil if it cannot be loaded, or holds weights only.
    let progress: TrainingProgress?
    let totalSteps: Int?
    let run: UInt64?
    /// What is wrong with it; nil if it loads.
    let damage: String?
    /// Who writes its run's files now, or those of the run that has set it aside.
    let writer: String?

    /// Whether this program has written it, as far as it says.
    var isOwn: Bool { run != nil && !isLink }
    var isWhole: Bool { damage == nil }
  }

  let folder: String
  /// The run saved last first; of each, the newest, the best, the kept steps, then what was set aside.
  let entries: [Entry]

  /// - Throws: `InvalidInput` if there is no such folder.
  init(_ folder: String, using reader: ContainedReader = ContainedReader()) throws {
    self.folder = folder
    do {
      _ = try fileNames(in: folder)
    } catch {
      throw InvalidInput("--folder \(error); give the folder of checkpoints")
    }
    var known: [FileIdentity: Facts] = [:]
    var writers: [String: String?] = [:]
    func writer(of path: String) -> String? {
      if let known = writers[path] { return known }
      let writer = OutputLock.writer(of: path)
      writers.updateValue(writer, forKey: path)
      return writer
    }
    var found: [Entry] = []
    for path in CheckpointFamily.files(in: folder) {
      var status = stat()
      guard stat(path, &status) == 0 else { continue }
      let identity = FileIdentity(status)
      // A second name of a file says nothing new.
      let facts = known[identity] ?? Facts(path, reader)
      known[identity] = facts
      let own = CheckpointFamily.familyPath(of: path)
      let family = CheckpointFamily.nameBeforeSetAside(own) ?? own
      // A run that was set aside may have been taken up again under its new name.
      let writer = writer(of: own) ?? (family == own ? nil : writer(of: family))
      found.append(
        Entry(
          path: path, family: family,
          role: own != family
            ? .setAside : path == own ? .newest : path == CheckpointFamily.bestPath(of: own) ? .best : .step,
          identity: identity, modified: Modified(status), size: Int(status.st_size),
          links: Int(status.st_nlink),
          isLink: isSymbolicLink(path), progress: facts.progress, totalSteps: facts.totalSteps,
          run: facts.run,
          damage: facts.damage, writer: writer))
    }
    entries = Self.sorted(found)
  }

  /// What a file says.
  private struct Facts {
    var progress: TrainingProgress?
    var totalSteps: Int?
    var run: UInt64?
    var damage: String?

    init(_ path: String, _ reader: ContainedReader) {
      do {
        let training = try CheckpointFile.contents(of: path, hasTensors: false, using: reader).snapshot
          .training
        progress = training?.progress
        totalSteps = training?.configuration.totalSteps
        run = training?.runFingerprint
      } catch {
        // Even a damaged file usually says of which run it is.
        run = (try? CheckpointFile.statedRun(of: path)) ?? nil
        damage = "\(error)"
      }
    }
  }

  private static func sorted(_ entries: [Entry]) -> [Entry] {
    var latest: [String: Modified] = [:]
    for entry in entries {
      latest[entry.family] = max(latest[entry.family] ?? entry.modified, entry.modified)
    }
    func rank(_ role: Role) -> Int {
      switch role {
      case .newest: 0
      case .best: 1
      case .step: 2
      case .setAside: 3
      }
    }
    return entries.sorted { a, b in
      if a.family != b.family, let one = latest[a.family], let other = latest[b.family] {
        return one != other ? one > other : a.family < b.family
      }
      if rank(a.role) != rank(b.role) { return rank(a.role) < rank(b.role) }
      let steps = (a.progress?.step ?? -1, b.progress?.step ?? -1)
      return a.role == .step && steps.0 != steps.1 ? steps.0 > steps.1 : a.path < b.path
    }
  }

  /// Entries family by family, in order.
  var families: [[Entry]] {
    entries.reduce(into: []) { families, entry in
      if families.last?.first?.family == entry.family {
        families[families.count - 1].append(entry)
      } else {
        families.append([entry])
      }
    }
  }
}
