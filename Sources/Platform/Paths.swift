// Names of files and folders, and what the system knows about them.

import Glibc

/// The folder of a path; `.` if it names none.
public func folder(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// `path` itself if something is there, else the nearest folder above it that is: where it could be made.
public func existingPart(of path: String) -> String {
  var existing = path
  while access(existing, F_OK) != 0, errno == ENOENT, existing != ".", existing != "/" {
    existing = folder(of: existing)
  }
  return existing
}

/// The last component of a path.
public func fileName(of path: String) -> String {
  path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
}

/// The path from the root of the file system, symbolic links resolved; the path itself if nothing is there.
public func absolutePath(of path: String) -> String {
  guard let resolved = realpath(path, nil) else { return path }
  defer { free(resolved) }
  return String(cString: resolved)
}

/// The names of everything in a folder except `.` and `..`, in no particular order.
public func fileNames(in folder: String) throws -> [String] {
  guard let stream = opendir(folder) else { throw RuntimeFailure("\(folder): \(systemError())") }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != ".", name != ".." { names.append(name) }
  }
  return names
}

/// Creates the folder of `path` and any missing parents.
/// - Throws: `RuntimeFailure` with the system's words.
public func createFolder(of path: String) throws {
  let folder = folder(of: path)
  if mkdir(folder, 0o777) == 0 { return }
  if errno == ENOENT, folder != "/" {
    try createFolder(of: folder)
    if mkdir(folder, 0o777) == 0 { return }
  }
  let cause = errno
  var status = stat()
  guard cause == EEXIST, stat(folder, &status) == 0, FileKind(status) == .folder else {
    throw RuntimeFailure(systemError(cause == EEXIST ? ENOTDIR : cause))
  }
}

/// `model.jld2` → `model`, `.jld2`; a name that begins with its only dot has no suffix.
public func stemAndSuffix(of name: String) -> (stem: String, suffix: String) {
  guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return (name, "") }
  return (String(name[..<dot]), String(name[dot...]))
}

/// The first bytes of a file, at most `count`.
/// - Throws: `RuntimeFailure` with the system's words.
public func firstBytes(of path: String, count: Int) throws -> [UInt8] {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  let file = try FileDescriptor(open: path, O_RDONLY | O_NONBLOCK)
  var bytes = [UInt8](repeating: 0, count: count)
  let found = try bytes.withUnsafeMutableBytes { try file.readFully($0) }
  return Array(bytes[..<found])
}

/// The text of a small file, such as those in /proc; nil if it cannot be read.
public func smallFile(_ path: String) -> String? {
  guard let file = try? FileDescriptor(open: path, O_RDONLY) else { return nil }
  var text: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 16384)
  while true {
    guard let count = try? chunk.withUnsafeMutableBytes({ try file.readFully($0) }) else { return nil }
    text += chunk[..<count]
    if count < chunk.count { return String(decoding: text, as: UTF8.self) }
  }
}

/// The content of a small file that a user has named: never waits for a FIFO, never reads a device without end.
/// - Throws: `RuntimeFailure` without the file's name, unless it is a regular file of at most `limit` bytes.
public func contentOfRegularFile(_ path: String, limit: Int = 1 << 20) throws -> [UInt8] {
  let file = try FileDescriptor(open: path, O_RDONLY | O_NONBLOCK)
  let kind = FileKind(try file.status())
  guard kind == .regular else { throw RuntimeFailure("it is \(kind.words), not a regular file") }
  var bytes = [UInt8](repeating: 0, count: limit + 1)
  let count = try bytes.withUnsafeMutableBytes { try file.readFully($0) }
  guard count <= limit else { throw RuntimeFailure("it has more than \(Readable.bytes(limit))") }
  return Array(bytes[..<count])
}

/// The value of an environment variable, nil if not set.
public func environmentVariable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

public func isSymbolicLink(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
}

/// A file, whatever name leads to it.
public struct FileIdentity: Hashable, Sendable {
  let device: UInt
  let inode: UInt

  /// Nil if there is no file, or stat is not permitted.
  public init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  public init(_ status: stat) {
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
  }
}
