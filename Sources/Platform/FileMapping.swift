// The bytes of an open file as memory.

import Glibc

/// Maps a whole file. If it shrinks afterwards, reading what is gone ends the process with SIGBUS: only for a
/// process that may end.
public final class FileMapping {
  private let bytes: UnsafeRawBufferPointer

  /// - Parameter size: of the file, above 0.
  /// - Throws: `RuntimeFailure` with the system's words.
  public init(_ file: borrowing FileDescriptor, size: Int) throws {
    precondition(size > 0)
    var base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.raw, 0)
    if base == MAP_FAILED {
      // Some network file systems map nothing.
      base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let base, base != MAP_FAILED else { throw RuntimeFailure(systemError()) }
      _ = try file.readFully(UnsafeMutableRawBufferPointer(start: base, count: size), at: 0)
    }
    bytes = UnsafeRawBufferPointer(start: base, count: size)
  }

  /// The bytes of the file, during `body`.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) { try body(bytes) }
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }
}
