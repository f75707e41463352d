// The one way to replace a file: at every moment either the old or the new one is there, complete. Only
// regular files are ever replaced.

import Glibc

public enum FileReplacement {
  /// The phases of a replacement, in order.
  public enum Phase: String, CaseIterable, Sendable {
    /// The temporary file is complete and on the disk.
    case written
    /// `verify` has accepted it.
    case verified
    /// It has its final name.
    case renamed
  }

  /// Writes `parts` in order to a temporary file beside `path`, verifies it, and renames it to `path`, or to
  /// its target if `path` is a symbolic link. The permissions of an existing file are kept.
  ///
  /// - Parameter verify: called with the temporary file's path once its bytes are on the disk.
  /// - Throws: what went wrong; the temporary file is then gone and the old file untouched.
  public static func replace(
    _ path: String, with parts: [UnsafeRawBufferPointer], verify: (String) throws -> Void = { _ in },
    onPhase: (Phase) throws -> Void = { _ in }
  ) throws {
    let path = try target(of: path)
    let old = try regularFile(at: path)
    let temporary = temporaryName(for: path)
    do {
      try withoutFileSizeSignal {
        let file = try FileDescriptor(open: temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o666)
        if let old { _ = fchmod(file.raw, old.st_mode & 0o777) }
        for part in parts { try file.writeAll(part) }
        try file.synchronize()
      }
      try onPhase(.written)
      try verify(temporary)
      try onPhase(.verified)
      guard rename(temporary, path) == 0 else { throw RuntimeFailure(systemError()) }
    } catch {
      _ = unlink(temporary)
      throw error
    }
    try onPhase(.renamed)
    try synchronizeFolder(of: path)
  }

  public static func replace(_ path: String, with bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try replace(path, with: [$0]) }
  }

  /// Gives an existing file a second name, replacing any regular file that has it.
  ///
  /// - Returns: false on a file system without hard links; nothing has changed then.
  public static func link(_ existing: String, as name: String) throws -> Bool {
    let name = try target(of: name)
    _ = try regularFile(at: name)
    let temporary = temporaryName(for: name)
    guard linkat(AT_FDCWD, existing, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) == 0 else { return false }
    // If both names already are the same file, rename does nothing and leaves the temporary name.
    defer { _ = unlink(temporary) }
    guard rename(temporary, name) == 0 else { throw RuntimeFailure(systemError()) }
    return true
  }

  /// Gives a file another name, under which there must be nothing.
  /// - Throws: `RuntimeFailure` with the system's words.
  public static func move(_ old: String, to new: String) throws {
    guard FileIdentity(new) == nil else { throw RuntimeFailure(systemError(EEXIST)) }
    guard rename(old, new) == 0 else { throw RuntimeFailure(systemError()) }
  }

  /// `model.jld2` for `model.jld2.tmp.4711-x9`: the file that a temporary one was meant to replace; nil for
  /// other names.
  public static func finalName(ofTemporary name: String) -> String? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 2, parts[parts.count - 2] == "tmp",
      let process = parts[parts.count - 1].split(separator: "-").first, pid_t(process) != nil
    else { return nil }
    return parts.dropLast(2).joined(separator: ".")
  }

  /// Partly random, so that jobs on other hosts and leftovers of killed ones do not collide with it.
  static func temporaryName(for path: String) -> String {
    "\(path).tmp.\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
  }

  /// Makes new names in the folder of `path` survive a power cut.
  public static func synchronizeFolder(of path: String) throws {
    let folder = try FileDescriptor(open: folder(of: path), O_RDONLY | O_DIRECTORY)
    // Some network file systems cannot synchronize a folder and return EINVAL.
    guard fsync(folder.raw) == 0 || errno == EINVAL else { throw RuntimeFailure(systemError()) }
  }

  /// Where a path leads through symbolic links; the last one may dangle.
  public static func target(of path: String) throws -> String {
    var path = path
    for _ in 0..<40 {
      if let resolved = realpath(path, nil) {
        defer { free(resolved) }
        return String(cString: resolved)
      }
      var link = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
      guard readlink(path, &link, Int(PATH_MAX)) > 0 else { return path }
      let next = String(decoding: link.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      path = next.hasPrefix("/") ? next : "\(folder(of: path))/\(next)"
    }
    throw RuntimeFailure(systemError(ELOOP))
  }

  /// The status of the file to be replaced; nil if there is none.
  /// - Throws: `RuntimeFailure` for a folder, a device, a FIFO or a socket.
  private static func regularFile(at path: String) throws -> stat? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw RuntimeFailure("it is \(FileKind(status).words), and only a regular file can be replaced")
    }
    return status
  }

  /// Beyond RLIMIT_FSIZE the kernel sends SIGXFSZ, which kills; when blocked, `write` returns EFBIG instead.
  private static func withoutFileSizeSignal(_ body: () throws -> Void) throws {
    var signals = sigset_t()
    var previous = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGXFSZ)
    pthread_sigmask(SIG_BLOCK, &signals, &previous)
    defer {
      var now = timespec()
      // Consume the pending signal, if any, before unblocking.
      if sigismember(&previous, SIGXFSZ) == 0 { _ = sigtimedwait(&signals, nil, &now) }
      pthread_sigmask(SIG_SETMASK, &previous, nil)
    }
    try body()
  }
}

/// What a name refers to.
public enum FileKind: Sendable {
  case regular, folder, device, fifo, socket, other

  public init(_ status: stat) {
    switch status.st_mode & S_IFMT {
    case S_IFREG: self = .regular
    case S_IFDIR: self = .folder
    case S_IFCHR, S_IFBLK: self = .device
    case S_IFIFO: self = .fifo
    case S_IFSOCK: self = .socket
    default: self = .other
    }
  }

  /// `a folder`
  public var words: String {
    switch self {
    case .regular: "a regular file"
    case .folder: "a folder"
    case .device: "a device"
    case .fifo: "a FIFO"
    case .socket: "a socket"
    case .other: "of an unknown kind"
    }
  }
}
