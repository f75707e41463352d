// Replacing a file so that at every moment either the old or the new one is there, whole.

import Diagnostics
import Glibc

/// What the system says about `errno`.
func systemError(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

/// The folder of a path, `.` when it names none.
func folder(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// The last component of a path.
func fileName(of path: String) -> String {
  path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
}

/// The names of everything in a folder, in no order.
func fileNames(in folder: String) throws -> [String] {
  guard let stream = opendir(folder) else { throw RuntimeFailure("\(folder): \(systemError())") }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    names.append(
      withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      })
  }
  return names
}

/// A file descriptor that closes itself.
struct FileDescriptor: ~Copyable {
  let raw: Int32

  /// - Throws: `RuntimeFailure` with the system's words only; the caller says what was tried.
  init(open path: String, _ flags: Int32, mode: mode_t = 0) throws {
    raw = open(path, flags | O_CLOEXEC, mode)
    guard raw >= 0 else { throw RuntimeFailure(systemError()) }
  }

  init(owning raw: Int32) { self.raw = raw }

  deinit { _ = close(raw) }

  borrowing func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      // Linux writes at most 2 GiB at once.
      let count = write(raw, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
      if count < 0 {
        if errno == EINTR { continue }
        throw RuntimeFailure(systemError())
      }
      done += count
    }
  }

  /// Reads until `buffer` is full or the file ends. Returns the number of bytes read.
  borrowing func readFully(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    while done < buffer.count {
      let count = read(raw, buffer.baseAddress! + done, min(buffer.count - done, 1 << 30))
      if count < 0 {
        if errno == EINTR { continue }
        throw RuntimeFailure(systemError())
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  borrowing func synchronize() throws {
    guard fsync(raw) == 0 else { throw RuntimeFailure(systemError()) }
  }

  borrowing func size() throws -> Int {
    var status = stat()
    guard fstat(raw, &status) == 0 else { throw RuntimeFailure(systemError()) }
    return Int(status.st_size)
  }
}

enum AtomicFile {
  /// Writes `parts` one after the other to a temporary file beside `path`, has it checked, and puts it in
  /// place of `path` (of its target, if `path` is a symbolic link). Permissions follow the umask.
  ///
  /// - Parameter verify: called with the temporary file's path once its bytes are on the disk.
  /// - Throws: what went wrong; then the temporary file is gone and the old file is as it was.
  static func replace(
    _ path: String, with parts: [UnsafeRawBufferPointer], verify: (String) throws -> Void,
    onPhase: (CheckpointFile.WritePhase) -> Void
  ) throws {
    let path = target(of: path)
    let temporary = "\(path).tmp.\(getpid())"
    // One left by a process that had this id before us: nobody else writes under our id.
    _ = unlink(temporary)
    do {
      try withoutFileSizeSignal {
        let file = try FileDescriptor(open: temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o666)
        for part in parts { try file.writeAll(part) }
        try file.synchronize()
      }
      onPhase(.written)
      try verify(temporary)
      onPhase(.verified)
      guard rename(temporary, path) == 0 else { throw RuntimeFailure(systemError()) }
    } catch {
      _ = unlink(temporary)
      throw error
    }
    onPhase(.renamed)
    try synchronizeFolder(of: path)
  }

  /// Makes a rename last through a power cut.
  static func synchronizeFolder(of path: String) throws {
    let folder = try FileDescriptor(open: folder(of: path), O_RDONLY | O_DIRECTORY)
    // Some network file systems cannot synchronize a folder and say so with EINVAL.
    guard fsync(folder.raw) == 0 || errno == EINVAL else { throw RuntimeFailure(systemError()) }
  }

  /// Makes the folder of `path` and those above it.
  static func createFolder(of path: String) throws {
    let folder = folder(of: path)
    if mkdir(folder, 0o777) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, folder != "/" else { throw RuntimeFailure(systemError()) }
    try createFolder(of: folder)
    guard mkdir(folder, 0o777) == 0 || errno == EEXIST else { throw RuntimeFailure(systemError()) }
  }

  private static func target(of path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Beyond RLIMIT_FSIZE the kernel sends SIGXFSZ, which kills; held back, `write` returns EFBIG instead.
  private static func withoutFileSizeSignal(_ body: () throws -> Void) throws {
    var signals = sigset_t()
    var previous = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGXFSZ)
    pthread_sigmask(SIG_BLOCK, &signals, &previous)
    defer {
      var now = timespec()
      // The signal that is waiting, if any, is taken before signals are let in again.
      if sigismember(&previous, SIGXFSZ) == 0 { _ = sigtimedwait(&signals, nil, &now) }
      pthread_sigmask(SIG_SETMASK, &previous, nil)
    }
    try body()
  }
}
