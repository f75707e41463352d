// A corpus file that stays open: ranks read the few bytes they need, never the whole text.

import Diagnostics
import Foundation
import Reproducibility

/// Read-only access to a file by position. Safe to share between threads: it has no file offset.
public final class CorpusFile: Sendable {
  public let path: String
  /// When the file was opened.
  public let byteCount: Int
  private let descriptor: Int32

  /// - Throws: `InvalidInput` if there is no readable regular file at `path`.
  public init(path: String) throws {
    self.path = path
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw InvalidInput("cannot open the corpus \(path): \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw InvalidInput("the corpus \(path) is not a regular file; give a UTF-8 text file")
    }
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Fills `buffer` with the bytes from `offset` on.
  /// - Returns: the number of bytes read, less than the buffer's size only at the end of the file.
  /// - Throws: `RuntimeFailure` if the system cannot read.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    while done < buffer.count {
      let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw RuntimeFailure(
          "cannot read \(path) at byte \(offset + done): \(String(cString: strerror(errno)))")
      }
      done += count
    }
    return done
  }

  /// Hands the bytes of a part of the file to `body`.
  /// - Throws: `RuntimeFailure` if the file no longer has them all.
  func withBytes<Result>(
    _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    try withUnsafeTemporaryAllocation(byteCount: range.count, alignment: 16) { buffer in
      guard try read(at: range.lowerBound, into: buffer) == range.count else { throw changed }
      return try body(UnsafeRawBufferPointer(buffer))
    }
  }

  /// Passes over the whole file in blocks, with memory for one.
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

  /// Of the whole file, 64 hexadecimal digits.
  /// - Throws: `RuntimeFailure` if the system cannot read.
  public func sha256() throws -> String {
    var hasher = SHA256()
    try forEachBlock { block, _ in hasher.update(block) }
    return hasher.hexadecimalDigest()
  }

  var changed: RuntimeFailure {
    RuntimeFailure("\(path) changed while it was in use; keep the corpus as it is during a run")
  }
}
