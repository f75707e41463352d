// Keeps two jobs from writing the same checkpoint: a file beside it says who holds it. Advisory, created with
// O_EXCL, which NFS honours too; the lock of a dead process is taken over, but only on its own host.

import Platform
import Glibc
import Synchronization

/// Held from `init` until `release`, or until the process exits.
package final class OutputLock: Sendable {
  /// `<checkpoint>.lock`
  package let path: String
  /// This process's locks, to be removed when it exits.
  private static let held = Mutex<[String: Holder]>([:])
  private static let removeAtExit: Void = {
    atexit {
      // A forked child has the table but does not own the locks.
      let mine = held.withLock { $0.filter { $0.value.process.process == getpid() }.map(\.key) }
      for path in mine { _ = unlink(path) }
    }
  }()

  /// - Parameter run: of a supervised job, whose restarts take over the lock of an earlier start on any host;
  ///   empty for others.
  /// - Throws: `InvalidInput` if another job holds the output, saying which and what to do, or if the folder
  ///   is not writable.
  package init(checkpoint: String, run: String = "") throws {
    path = checkpoint + ".lock"
    do {
      try createFolder(of: checkpoint)
    } catch {
      throw InvalidInput("cannot make the folder of checkpoint \(checkpoint): \(error); choose another path")
    }
    let holder = Holder(process: .current, run: run)
    for _ in 0..<20 {
      if try create(holder) {
        _ = Self.removeAtExit
        Self.held.withLock { $0[path] = holder }
        removeLeftovers(of: checkpoint)
        return
      }
      if try takeOverIfStale(holder, checkpoint) { continue }
      // Just created but not yet written, or just released.
      usleep(50_000)
    }
    throw InvalidInput(
      "the lock \(path) of checkpoint \(checkpoint) is unreadable; if no job writes there, delete it")
  }

  deinit { release() }

  package func release() {
    guard let holder = Self.held.withLock({ $0.removeValue(forKey: path) }) else { return }
    // Someone who deleted the file by hand may have let another job in.
    if Holder(contentsOf: path) == holder { _ = unlink(path) }
  }

  /// False if there is a lock already.
  private func create(_ holder: Holder) throws -> Bool {
    let raw = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard raw >= 0 else {
      if errno == EEXIST { return false }
      throw InvalidInput(
        "cannot write beside the checkpoint (\(path)): \(systemError()); choose another path")
    }
    let file = FileDescriptor(owning: raw)
    do {
      try file.writeAll(Array(holder.text.utf8))
    } catch {
      _ = unlink(path)
      throw InvalidInput("cannot write beside the checkpoint (\(path)): \(error); free some space")
    }
    return true
  }

  /// True if it is worth trying again; false if it is unclear who holds the lock.
  private func takeOverIfStale(_ me: Holder, _ checkpoint: String) throws -> Bool {
    guard let file = try? FileDescriptor(open: path, O_RDONLY | O_NONBLOCK), let identity = FileIdentity(path)
    else { return errno == ENOENT }
    guard let holder = Holder(contentsOf: path) else { return false }
    guard holder.isGone(from: me) else {
      let where_ = holder.process.isOnThisHost ? "" : " on host \(holder.process.host)"
      throw InvalidInput(
        "checkpoint \(checkpoint) is being written by process \(holder.process.process)\(where_); "
          + "give this job another --checkpoint, or, if that process is gone, delete \(path)")
    }
    // If two jobs find the same stale lock, one removes it and the other then sees a new file.
    guard flock(file.raw, LOCK_EX) == 0, FileIdentity(path) == identity else { return true }
    _ = unlink(path)
    return true
  }

  /// Removes temporary files of a job that was killed while saving: nobody else writes here now.
  private func removeLeftovers(of checkpoint: String) {
    let folder = folder(of: checkpoint)
    for name in (try? fileNames(in: folder)) ?? [] {
      guard let final = FileReplacement.finalName(ofTemporary: name),
        CheckpointRotation.owns(final, of: checkpoint)
      else { continue }
      _ = unlink("\(folder)/\(name)")
    }
  }
}

extension OutputLock {
  /// Who holds a lock, according to its file: five lines.
  struct Holder: Equatable {
    let process: ProcessIdentity
    /// Of a supervised job; empty otherwise.
    let run: String

    var text: String { process.text(separator: "\n") + "\n\(run)\n" }

    init(process: ProcessIdentity, run: String = "") {
      self.process = process
      self.run = run
    }

    /// Nil unless the file is complete.
    init?(contentsOf path: String) {
      guard let text = smallFile(path), text.hasSuffix("\n") else { return nil }
      let lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
      guard lines.count == 5,
        let process = ProcessIdentity(lines.dropLast().joined(separator: "\n"), separator: "\n")
      else { return nil }
      self.init(process: process, run: String(lines[4]))
    }

    /// Whether `me` knows that this process is gone: on the same host, or as a later start of the same
    /// supervised job.
    func isGone(from me: Holder) -> Bool {
      if !run.isEmpty && run == me.run { return true }
      return process.isOnThisHost && !process.isRunning
    }
  }
}
