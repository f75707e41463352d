// The kernel's advisory locks: they end with the process that holds them, however it ends.

import Glibc

public enum FileLock {
  public enum Answer: Equatable, Sendable {
    /// Held until the descriptor is closed.
    case granted
    /// Another open file holds it, in this process or in another.
    case refused
    /// The file system has none; the system's words.
    case unavailable(String)
  }

  /// Asks for the exclusive lock on an open file, and does not wait. Children that are started do not hold it.
  public static func take(_ file: borrowing FileDescriptor) -> Answer {
    while flock(file.raw, LOCK_EX | LOCK_NB) != 0 {
      if errno == EWOULDBLOCK { return .refused }
      if errno != EINTR { return .unavailable(systemError()) }
    }
    return .granted
  }

  /// Makes a file that is locked and on the disk with all of its bytes before it has its name.
  ///
  /// - Returns: the file and what its lock's answer was; nil if there is something of this name.
  /// - Throws: `RuntimeFailure` with the system's words.
  public static func create(_ path: String, with bytes: [UInt8]) throws -> Held? {
    let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
    let temporary = FileReplacement.temporaryName(for: path)
    let held = Held(try FileDescriptor(open: temporary, flags, mode: 0o666))
    defer { _ = unlink(temporary) }
    try held.file.writeAll(bytes)
    try held.file.synchronize()
    if link(temporary, path) != 0 {
      let cause = errno
      // A server may have done it, and have been asked again because its answer was lost.
      let isDone = try held.file.status().st_nlink > 1
      if cause == EEXIST, !isDone { return nil }
      // Without hard links, a reader may see it before it is whole.
      if !isDone { return try createInPlace(path, flags, bytes) }
    }
    try FileReplacement.synchronizeFolder(of: path)
    return held
  }

  private static func createInPlace(_ path: String, _ flags: Int32, _ bytes: [UInt8]) throws -> Held? {
    let held: Held
    do {
      held = Held(try FileDescriptor(open: path, flags, mode: 0o666))
    } catch {
      if FileIdentity(path) != nil { return nil }
      throw error
    }
    do {
      try held.file.writeAll(bytes)
      try held.file.synchronize()
    } catch {
      _ = unlink(path)
      throw error
    }
    try FileReplacement.synchronizeFolder(of: path)
    return held
  }

  /// An open file and the answer to the question for its lock.
  public final class Held: Sendable {
    public let file: FileDescriptor
    public let answer: Answer

    /// Asks for the lock.
    public init(_ file: consuming FileDescriptor) {
      answer = FileLock.take(file)
      self.file = file
    }

    /// Whether `path` still leads to this file.
    public func isAt(_ path: String) -> Bool {
      guard let status = try? file.status() else { return false }
      return FileIdentity(path) == FileIdentity(status)
    }
  }
}
