// Keeps two jobs from writing one checkpoint: a file beside it says who holds it. Advisory, made with O_EXCL,
// which NFS honours too; a lock whose process is gone is taken over, but only on its own host.

import Diagnostics
import Glibc
import Synchronization

/// Held from `init` until `release`, or until the process exits.
public final class OutputLock: Sendable {
  /// `<checkpoint>.lock`
  public let path: String
  /// Locks of this process that are to be removed when it exits.
  private static let held = Mutex<[String: Holder]>([:])
  private static let removeAtExit: Void = {
    atexit {
      // A forked child has the table, but not the locks.
      let mine = held.withLock { $0.filter { $0.value.process == getpid() }.map(\.key) }
      for path in mine { _ = unlink(path) }
    }
  }()

  /// - Parameter run: of a supervised job, whose restarts take the lock of an earlier start over, on whatever
  ///   host that was; empty for others.
  /// - Throws: `InvalidInput` when another job holds the output, saying which and what to do, or when the
  ///   folder cannot be written to.
  public init(checkpoint: String, run: String = "") throws {
    path = checkpoint + ".lock"
    do {
      try AtomicFile.createFolder(of: checkpoint)
    } catch {
      throw InvalidInput("cannot make the folder of checkpoint \(checkpoint): \(error); choose another path")
    }
    let holder = try Holder.current(run: run)
    for _ in 0..<20 {
      if try create(holder) {
        _ = Self.removeAtExit
        Self.held.withLock { $0[path] = holder }
        removeLeftovers(of: checkpoint)
        return
      }
      if try takeOverIfStale(holder, checkpoint) { continue }
      // Just created and not written yet, or just released.
      usleep(50_000)
    }
    throw InvalidInput(
      "the lock \(path) of checkpoint \(checkpoint) is unreadable; if no job writes there, delete it")
  }

  deinit { release() }

  public func release() {
    guard let holder = Self.held.withLock({ $0.removeValue(forKey: path) }) else { return }
    // Someone who deleted the file by hand may have let another job in.
    if Holder(contentsOf: path) == holder { _ = unlink(path) }
  }

  /// False when there is a lock already.
  private func create(_ holder: Holder) throws -> Bool {
    let raw = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard raw >= 0 else {
      if errno == EEXIST { return false }
      throw InvalidInput(
        "cannot write beside the checkpoint (\(path)): \(systemError()); choose another path")
    }
    let file = FileDescriptor(owning: raw)
    do {
      try Array(holder.text.utf8).withUnsafeBytes { try file.writeAll($0) }
    } catch {
      _ = unlink(path)
      throw InvalidInput("cannot write beside the checkpoint (\(path)): \(error); free some space")
    }
    return true
  }

  /// True when the way is free for another try; false when it is unclear who holds the lock.
  private func takeOverIfStale(_ me: Holder, _ checkpoint: String) throws -> Bool {
    guard let file = try? FileDescriptor(open: path, O_RDONLY), let identity = FileIdentity(path) else {
      return errno == ENOENT
    }
    guard let holder = Holder(contentsOf: path) else { return false }
    guard holder.isGone(from: me) else {
      let where_ = holder.host == me.host ? "" : " on host \(holder.host)"
      throw InvalidInput(
        "checkpoint \(checkpoint) is being written by process \(holder.process)\(where_); give this job "
          + "another --checkpoint, or, if that process is gone, delete \(path)")
    }
    // Of two jobs that find the same stale lock, one removes it; the other then sees a new file.
    guard flock(file.raw, LOCK_EX) == 0, FileIdentity(path) == identity else { return true }
    _ = unlink(path)
    return true
  }

  /// Temporary files of a job that was killed while it saved: nobody else writes here now.
  private func removeLeftovers(of checkpoint: String) {
    let folder = folder(of: checkpoint)
    for name in (try? fileNames(in: folder)) ?? [] {
      // `model.jld2.tmp.4711` and those of the rotation.
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count > 2, parts[parts.count - 2] == "tmp", pid_t(parts[parts.count - 1]) != nil,
        CheckpointRotation.owns(parts.dropLast(2).joined(separator: "."), of: checkpoint)
      else { continue }
      _ = unlink("\(folder)/\(name)")
    }
  }
}

extension OutputLock {
  /// A process, told apart from later ones with the same number.
  struct Holder: Equatable {
    let host: String
    /// Changes with every start of the machine.
    let boot: String
    let process: pid_t
    /// Clock ticks between the start of the machine and that of the process.
    let start: UInt64

    /// Of a supervised job; empty otherwise.
    let run: String

    var text: String { "\(host)\n\(boot)\n\(process)\n\(start)\n\(run)\n" }

    init(host: String, boot: String, process: pid_t, start: UInt64, run: String = "") {
      self.run = run
      self.host = host
      self.boot = boot
      self.process = process
      self.start = start
    }

    static func current(run: String = "") throws -> Holder {
      var name = [CChar](repeating: 0, count: 256)
      guard gethostname(&name, name.count - 1) == 0 else {
        throw RuntimeFailure("gethostname: \(systemError())")
      }
      guard let start = startTime(of: getpid()) else {
        throw RuntimeFailure("cannot read /proc/self/stat")
      }
      let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let boot = content(of: "/proc/sys/kernel/random/boot_id")?.split(separator: "\n").first ?? "-"
      return Holder(host: host, boot: String(boot), process: getpid(), start: start, run: run)
    }

    /// Nil unless the file is complete.
    init?(contentsOf path: String) {
      guard let text = Self.content(of: path), text.hasSuffix("\n") else { return nil }
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      guard lines.count == 6, let process = pid_t(lines[2]), let start = UInt64(lines[3]) else { return nil }
      self.init(host: lines[0], boot: lines[1], process: process, start: start, run: lines[4])
    }

    /// Whether `me` can tell that this process no longer runs: on the same host, or as a later start of the
    /// same supervised job.
    func isGone(from me: Holder) -> Bool {
      if !run.isEmpty && run == me.run { return true }
      guard host == me.host else { return false }
      return boot != me.boot || Self.startTime(of: process) != start
    }

    static func startTime(of process: pid_t) -> UInt64? {
      // The name in brackets may itself hold blanks and brackets; after it, the start time is the 20th field.
      guard let text = content(of: "/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else {
        return nil
      }
      let fields = text[text.index(after: end)...].split(separator: " ")
      // A zombie has ended: only its parent has not noticed.
      guard fields.count > 19, fields[0] != "Z" else { return nil }
      return UInt64(fields[19])
    }

    private static func content(of path: String) -> String? {
      guard let file = try? FileDescriptor(open: path, O_RDONLY) else { return nil }
      var bytes = [UInt8](repeating: 0, count: 4096)
      guard let count = try? bytes.withUnsafeMutableBytes({ try file.readFully($0) }) else { return nil }
      return String(decoding: bytes[..<count], as: UTF8.self)
    }
  }
}
