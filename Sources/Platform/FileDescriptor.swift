// Open files, with one loop for writing and one for reading. Everything the programs write, to files, pipes
// and terminals, goes through `writeFully`.

import CPlatform
import Glibc

/// What the system says about an error number.
public func systemError(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

/// Writes all of `bytes`, through interruptions, short writes and full pipes.
///
/// - Parameter waits: for room in a pipe that somebody made non-blocking; otherwise a full one is an error.
/// - Returns: how many bytes were written and, if not all of them, the error number that says why.
@discardableResult
public func writeFully(
  _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, waits: Bool = true
) -> (count: Int, error: Int32?) {
  var done = 0
  while done < bytes.count {
    // Linux writes at most 2 GiB at once.
    let count = write(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
    if count >= 0 {
      done += count
    } else if errno == EAGAIN, waits {
      var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = poll(&room, 1, -1)
    } else if errno != EINTR {
      return (done, errno)
    }
  }
  return (done, nil)
}

/// A file descriptor that closes itself. Errors are `RuntimeFailure`s with only the system's words: the
/// caller says what was tried.
public struct FileDescriptor: ~Copyable, Sendable {
  public let raw: Int32

  public init(open path: String, _ flags: Int32, mode: mode_t = 0) throws {
    let raw = open(path, flags | O_CLOEXEC, mode)
    // A value that exists already would close -1 here, and errno would be of that.
    guard raw >= 0 else { throw RuntimeFailure(systemError()) }
    self.raw = raw
  }

  public init(owning raw: Int32) { self.raw = raw }

  /// An empty file that is memory only: it has no path and ends with its last descriptor and mapping.
  public init(inMemory name: String) throws {
    raw = platform_memory_file(name)
    guard raw >= 0 else { throw RuntimeFailure(systemError()) }
  }

  deinit { _ = close(raw) }

  public borrowing func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
    if let error = writeFully(raw, bytes).error { throw RuntimeFailure(systemError(error)) }
  }

  public borrowing func writeAll(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try writeAll($0) } }

  /// Reads until `buffer` is full or the file ends.
  ///
  /// - Parameter offset: where in the file; nil means the current position.
  /// - Returns: the number of bytes read.
  public borrowing func readFully(
    _ buffer: UnsafeMutableRawBufferPointer, at offset: Int? = nil
  ) throws -> Int {
    var done = 0
    while done < buffer.count {
      let (target, wanted) = (buffer.baseAddress! + done, min(buffer.count - done, 1 << 30))
      let count = offset.map { pread(raw, target, wanted, off_t($0 + done)) } ?? read(raw, target, wanted)
      if count < 0 {
        if errno == EINTR || errno == EAGAIN { continue }
        throw RuntimeFailure(systemError())
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Whatever is available, as soon as there is something; empty at the end of the file.
  public borrowing func readSome(upTo limit: Int, until deadline: Double) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: min(limit, 1 << 16))
    let count = try bytes.withUnsafeMutableBytes { try readSome(into: $0, until: deadline) }
    return Array(bytes[..<count])
  }

  /// The same into memory that is there.
  /// - Returns: the number of bytes read.
  public borrowing func readSome(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: Double
  ) throws -> Int {
    while true {
      try waitForInput(until: deadline)
      let count = read(raw, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      guard errno == EINTR || errno == EAGAIN else { throw RuntimeFailure(systemError()) }
    }
  }

  private borrowing func waitForInput(until deadline: Double) throws {
    while true {
      // At most a day at once, so that the number fits; an infinite deadline is asked for again and again.
      let milliseconds = min(max(0, (deadline - monotonicSeconds()) * 1000), 86_400_000)
      var request = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
      let ready = poll(&request, 1, Int32(milliseconds.rounded(.up)))
      if ready > 0 { return }
      if ready == 0, monotonicSeconds() >= deadline { throw DeadlinePassed() }
      if ready < 0, errno != EINTR { throw RuntimeFailure(systemError()) }
    }
  }

  public borrowing func synchronize() throws {
    guard fsync(raw) == 0 else { throw RuntimeFailure(systemError()) }
  }

  /// Whether the file system stores at least `count` bytes of the file, other than holes of a sparse file. True
  /// where it does not tell. Moves the file's position.
  public borrowing func stores(atLeast count: Int) -> Bool {
    // Linux's SEEK_DATA and SEEK_HOLE, which Glibc's module lacks.
    let (seekData, seekHole): (Int32, Int32) = (3, 4)
    var (stored, position) = (0, off_t(0))
    while stored < count {
      let data = lseek(raw, position, seekData)
      guard data >= 0 else { return errno != ENXIO }
      position = lseek(raw, data, seekHole)
      guard position >= 0 else { return true }
      stored += Int(position - data)
    }
    return true
  }

  public borrowing func size() throws -> Int { Int(try status().st_size) }

  public borrowing func status() throws -> stat {
    var status = stat()
    guard fstat(raw, &status) == 0 else { throw RuntimeFailure(systemError()) }
    return status
  }
}

/// The other end of a pipe sent nothing in time.
public struct DeadlinePassed: Error {
  public init() {}
}
