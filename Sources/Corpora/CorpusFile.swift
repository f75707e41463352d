// A corpus file that stays open: ranks read the few bytes they need, never the whole text.

import Glibc
import Platform
import Reproducibility
import Synchronization

/// Read-only access to a file by position. Safe to share between threads: it has no file offset.
public final class CorpusFile: Sendable {
  public let path: String
  /// Size when the file was opened.
  public let byteCount: Int
  private let file: FileDescriptor
  /// As of the last moment when the content was known.
  private let stamp: Mutex<Stamp>

  /// What the system knows of a content without reading it; a write changes it.
  private struct Stamp: Equatable {
    let byteCount: Int
    /// Seconds and nanoseconds of the last modification, and of the last change of anything.
    let times: [Int]

    init(_ status: stat) {
      byteCount = Int(status.st_size)
      times = [
        status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
      ]
    }
  }

  /// - Throws: `InvalidInput` if there is no readable regular file at `path`.
  public init(path: String) throws {
    self.path = path
    do {
      // O_NONBLOCK: opening a FIFO must not wait for a writer.
      file = try FileDescriptor(open: path, O_RDONLY | O_NONBLOCK)
      let status = try file.status()
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw InvalidInput("the corpus \(path) is \(FileKind(status).words); give a UTF-8 text file")
      }
      byteCount = Int(status.st_size)
      stamp = Mutex(Stamp(status))
    } catch let failure as RuntimeFailure {
      throw InvalidInput("cannot open the corpus \(path): \(failure)")
    }
  }

  /// Fills `buffer` with the bytes from `offset` on.
  /// - Returns: the number of bytes read, less than the buffer's size only at the end of the file.
  /// - Throws: `RuntimeFailure` if the system cannot read.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    do {
      return try file.readFully(buffer, at: offset)
    } catch {
      throw RuntimeFailure("cannot read \(path) at byte \(offset): \(error)")
    }
  }

  /// Passes the bytes of part of the file to `body`.
  /// - Throws: `RuntimeFailure` if the file no longer has them all.
  func withBytes<Result>(
    _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    try withUnsafeTemporaryAllocation(byteCount: range.count, alignment: 16) { buffer in
      guard try read(at: range.lowerBound, into: buffer) == range.count else { throw changed() }
      return try body(UnsafeRawBufferPointer(buffer))
    }
  }

  /// Reads the whole file in blocks, with memory for one.
  /// - Parameter body: takes a block and the offset of its first byte.
  func forEachBlock(of size: Int = 1 << 20, _ body: (UnsafeRawBufferPointer, Int) throws -> Void) throws {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    defer { block.deallocate() }
    var offset = 0
    while true {
      let count = try read(at: offset, into: block)
      if count > 0 { try body(UnsafeRawBufferPointer(rebasing: block[0..<count]), offset) }
      offset += count
      if count < size { return }
    }
  }

  /// Digest of the whole file, 64 hexadecimal digits.
  /// - Throws: `RuntimeFailure` if the system cannot read.
  public func sha256() throws -> String {
    var hasher = SHA256()
    try forEachBlock { block, _ in hasher.update(block) }
    return hasher.hexadecimalDigest()
  }

  /// Whether what was read before this call was the text that is trained on: ask after reading, not before. Costs one
  /// call of the system. Only after a write, or another change of the file's times, is the file read again.
  ///
  /// - Parameter expected: the digest of the text.
  /// - Throws: `RuntimeFailure` that says what is different.
  func checkUnchanged(sha256 expected: String) throws {
    let now: Stamp
    do {
      now = Stamp(try file.status())
    } catch {
      throw RuntimeFailure("cannot ask for the state of \(path): \(error)")
    }
    guard now != stamp.withLock({ $0 }) else { return }
    guard now.byteCount == byteCount else {
      throw changed(
        ": it had \(Readable.grouped(byteCount)) bytes and has \(Readable.grouped(now.byteCount))")
    }
    let found = try sha256()
    guard found == expected else {
      throw changed(": its sha256 was \(expected.prefix(8))… and is \(found.prefix(8))…")
    }
    // Taken before reading: what is written meanwhile shows the next time.
    stamp.withLock { $0 = now }
  }

  func changed(_ how: String = "") -> RuntimeFailure {
    RuntimeFailure("\(path) changed while it was in use\(how); keep the corpus as it is during a run")
  }
}
