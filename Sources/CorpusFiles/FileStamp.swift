// What the system knows of a file's content without reading it; a write changes it.

import Glibc
import Platform

public struct FileStamp: Hashable, Sendable {
  public let device: Int
  public let inode: Int
  public let byteCount: Int
  /// Of the last modification: seconds and nanoseconds.
  public let modified: [Int]
  /// Of the last change of anything, which no program can set back.
  public let changed: [Int]

  public init(_ status: stat) {
    device = Int(bitPattern: UInt(status.st_dev))
    inode = Int(bitPattern: UInt(status.st_ino))
    byteCount = Int(status.st_size)
    modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
  }

  /// Seconds after a write in which another one may get the same times: those of a file system's clock can be two
  /// seconds apart.
  static let racySeconds = 3

  /// Whether a write after `now` would change the stamp for certain. Otherwise what is read now must not be
  /// remembered by it (git's rule of racily clean files).
  ///
  /// - Parameter now: seconds of the wall clock, before the file is read.
  public func isSettled(at now: Int) -> Bool {
    max(modified[0], changed[0]) <= now - Self.racySeconds
  }

  public func append(to writer: inout ByteWriter) {
    for number in [device, inode, byteCount] + modified + changed { writer.append(number) }
  }

  public init(_ reader: inout ByteReader) throws {
    device = try reader.number()
    inode = try reader.number()
    byteCount = try reader.number()
    modified = [try reader.number(), try reader.number()]
    changed = [try reader.number(), try reader.number()]
  }
}

/// Of the clock that file systems take their times from.
public func wallClockSeconds() -> Int { time(nil) }
