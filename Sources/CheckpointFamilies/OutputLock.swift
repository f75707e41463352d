// Keeps two jobs from writing the same checkpoint: a file beside it says who holds it, and the kernel's lock on that
// file says that the holder lives. Advisory.

import Glibc
import Platform
import Synchronization

/// Held from `init` until `release`, or until the process exits.
package final class OutputLock: Sendable {
  /// A lock file of this process.
  private struct Own {
    let file: FileLock.Held
    /// A forked child has the table but does not own the locks.
    let process: pid_t
  }

  /// `<checkpoint>.lock` of the checkpoint's family, and of the target's if it is a symbolic link.
  package let paths: [String]
  /// What the user should know: locks that were taken over, a file system without locks.
  package let notes: [String]
  /// This process's locks, to be removed when it exits.
  private static let held = Mutex<[String: Own]>([:])
  private static let removeAtExit: Void = {
    Surroundings.atEnd { OutputLock.remove(held.withLock { $0 }) }
  }()
  private static let retryMicroseconds: UInt32 = 50_000

  /// The lock files of a checkpoint.
  package static func paths(of checkpoint: String) -> [String] {
    let target = (try? FileReplacement.target(of: checkpoint)) ?? checkpoint
    // The kept steps and the best stand beside the link, the newest beside its target.
    let families = isSymbolicLink(checkpoint) ? [checkpoint, target] : [checkpoint]
    // In one order for all jobs: of two that want the same two, one gets both.
    return Set(families.map { "\(CheckpointFamily.familyPath(of: $0)).lock" }).sorted()
  }

  /// - Parameter run: of a supervised job, whose restarts take over the lock of an earlier start on any host;
  ///   empty for others.
  /// - Throws: `InvalidInput` if another job holds the output, saying which and what to do, or if the folder
  ///   is not writable.
  package init(checkpoint: String, run: String = "") throws {
    paths = Self.paths(of: checkpoint)
    let me = LockHolder(run: run)
    var taken: [String: Own] = [:]
    var notes: [String] = []
    do {
      for path in paths {
        let file = try Self.take(path, for: checkpoint, me, &notes)
        taken[path] = Own(file: file, process: getpid())
      }
    } catch {
      Self.remove(taken)
      throw error
    }
    _ = Self.removeAtExit
    Self.held.withLock { $0.merge(taken) { $1 } }
    self.notes = notes
    for path in paths { Self.removeLeftovers(of: String(path.dropLast(".lock".count))) }
  }

  /// Tells what taking the lock would tell, and touches nothing.
  /// - Throws: `InvalidInput` if another job holds the output, or it cannot be written.
  package static func refuseHeld(checkpoint: String, run: String = "") throws {
    for path in paths(of: checkpoint) {
      if case .held(let refusal, _) = try found(path, for: checkpoint, LockHolder(run: run)) {
        throw refusal
      }
      let existing = existingPart(of: folder(of: path))
      guard access(existing, W_OK | X_OK) == 0 else {
        throw InvalidInput(
          "cannot write beside the checkpoint (\(path)): \(existing): \(systemError()); choose another path")
      }
    }
  }

  deinit { release() }

  package func release() {
    Self.remove(Self.held.withLock { held in held.filter { paths.contains($0.key) } })
    Self.held.withLock { held in for path in paths { held[path] = nil } }
  }

  /// Someone who deleted a file by hand may have let another job in, whose file stays.
  private static func remove(_ locks: [String: Own]) {
    for (path, own) in locks where own.process == getpid() && own.file.isAt(path) { _ = unlink(path) }
  }

  private static func take(
    _ path: String, for checkpoint: String, _ me: LockHolder, _ notes: inout [String]
  ) throws -> FileLock.Held {
    do {
      try createFolder(of: path)
    } catch {
      throw InvalidInput("cannot make the folder of checkpoint \(checkpoint): \(error); choose another path")
    }
    var attempt = 0
    while true {
      attempt += 1
      if let file = try create(path, me) {
        if case .unavailable(let cause) = file.answer {
          notes.append(
            "the file system of \(path) has no locks (\(cause)): only the file keeps other jobs out")
        }
        return file
      }
      let refusal: InvalidInput
      switch try found(path, for: checkpoint, me) {
      case .gone: continue
      case .abandoned(let why, let file):
        // Of two jobs that find the same lock, the kernel lets one get here; the other finds it gone.
        withExtendedLifetime(file) { _ = unlink(path) }
        notes.append(why)
        continue
      case .held(let error, _): refusal = error
      }
      // Another job may be looking at a lock that it is about to take over, or just be ending.
      guard attempt < 6 else { throw refusal }
      usleep(retryMicroseconds)
    }
  }

  private static func create(_ path: String, _ me: LockHolder) throws -> FileLock.Held? {
    do {
      return try FileLock.create(path, with: Array(me.text.utf8))
    } catch {
      throw InvalidInput(
        "cannot write beside the checkpoint (\(path)): \(error); free some space, or choose another path")
    }
  }

  private enum Found {
    case gone
    /// What to say of it when it is taken over, and the file, whose lock this process has until then.
    case abandoned(String, FileLock.Held)
    /// What to say to another job, and who it is.
    case held(InvalidInput, by: String)
  }

  private static func found(_ path: String, for checkpoint: String, _ me: LockHolder) throws -> Found {
    var status = stat()
    guard lstat(path, &status) == 0 else { return .gone }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = isSymbolicLink(path) ? "a symbolic link" : FileKind(status).words
      throw InvalidInput("the lock \(path) of checkpoint \(checkpoint) is \(kind), not a file; remove it")
    }
    let flags = O_NONBLOCK | O_NOFOLLOW
    // Network file systems lock only what may be written; another user's lock can only be read.
    guard
      let descriptor = (try? FileDescriptor(open: path, O_RDWR | flags))
        ?? (try? FileDescriptor(open: path, O_RDONLY | flags))
    else {
      if lstat(path, &status) != 0 { return .gone }
      throw InvalidInput(
        "the lock \(path) of checkpoint \(checkpoint) cannot be read: delete it if no job writes there")
    }
    let file = FileLock.Held(descriptor)
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = (try? bytes.withUnsafeMutableBytes { try file.file.readFully($0, at: 0) }) ?? 0
    guard file.isAt(path) else { return .gone }
    guard let holder = LockHolder(text: String(decoding: bytes[..<count], as: UTF8.self)) else {
      // Cut off by a loss of power, or being written by an earlier version.
      guard file.answer == .granted else {
        return .held(
          InvalidInput(
            "the lock \(path) of checkpoint \(checkpoint) is unreadable; if no job writes there, delete it"),
          by: "a process that its lock does not name")
      }
      return .abandoned("took over the lock \(path): it was unreadable, and no process holds it", file)
    }
    let verdict = holder.verdict(
      for: me,
      LockHolder.Circumstances(
        kernelLock: file.answer, isLocal: Machine.isLocalFileSystem(at: path),
        isSeen: ProcessIdentity.startTime(of: holder.process) == holder.start))
    let who = "process \(holder.process)\(holder.host == me.host ? "" : " on host \(holder.host)")"
    switch verdict {
    case .abandoned(let why):
      return .abandoned("took over the lock \(path) of \(who): \(why)", file)
    case .held:
      let isKnownToLive = file.answer == .refused
      return .held(
        InvalidInput(
          "checkpoint \(checkpoint) is being written by \(who); give this job another --checkpoint"
            + (isKnownToLive ? "" : ", or, if that process is gone, delete \(path)")), by: who)
    }
  }

  /// Who writes a checkpoint's family now, `process 4711`, as far as its locks tell; nil if nobody does. Takes nothing
  /// over.
  package static func writer(of checkpoint: String) -> String? {
    let me = LockHolder(run: "")
    for path in paths(of: checkpoint) {
      switch Result(catching: { try found(path, for: checkpoint, me) }) {
      case .success(.gone), .success(.abandoned): continue
      case .success(.held(_, by: let who)): return who
      case .failure: return "a process whose lock cannot be read"
      }
    }
    return nil
  }

  /// Removes temporary files of a job that was killed while saving: nobody else writes here now.
  private static func removeLeftovers(of family: String) {
    let folder = folder(of: family)
    for name in (try? fileNames(in: folder)) ?? [] {
      guard let final = FileReplacement.finalName(ofTemporary: name),
        CheckpointFamily.familyPath(of: final) == fileName(of: family)
          || final == "\(fileName(of: family)).lock"
      else { continue }
      _ = unlink("\(folder)/\(name)")
    }
  }
}
