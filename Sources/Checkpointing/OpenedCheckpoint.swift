// A checkpoint that was opened once: its size, its digest and what is parsed are of the same file, even if another
// takes its name meanwhile.

import Platform
import GPTModel
import Glibc
import Reproducibility
import TrainingState

struct OpenedCheckpoint: ~Copyable {
  let file: FileDescriptor
  /// In bytes.
  let size: Int
  /// Which the envelope states and the rest has; nil for files of other programs.
  let digest: UInt64?
  /// Which the envelope states; nil also for files of earlier versions and of weights only.
  let run: UInt64?

  /// Checks everything that needs no libhdf5: that it is a regular file of a possible size, its envelope, its
  /// digest.
  ///
  /// - Throws: `InvalidInput` that does not name the file, or `RuntimeFailure` from the system.
  init(_ path: String) throws {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    let raw = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard raw >= 0 else {
      throw InvalidInput(errno == ENOENT ? "there is no such file" : "it cannot be read: \(systemError())")
    }
    let file = FileDescriptor(owning: raw)
    let size = try Self.checkedSize(of: file)
    (digest, run) = try Self.checkedDigest(of: file, size: size)
    self.size = size
    self.file = file
  }

  /// The largest file that a model within its limits needs: weights, moments, and a gigabyte for the rest.
  static let largestSize =
    GPTConfiguration.mostParameters * 4 * (1 + (Optimizers.all.map { $0.momentKeys.count }.max() ?? 0))
    + 1 << 30
  /// Smaller files take little memory, stored or not.
  private static let smallestSparseSize = 1 << 26

  private static func checkedSize(of file: borrowing FileDescriptor) throws -> Int {
    let status = try file.status()
    guard FileKind(status) == .regular else {
      throw InvalidInput("it is \(FileKind(status).words), not a regular file")
    }
    let size = Int(status.st_size)
    guard size > 0 else { throw InvalidInput("it is empty") }
    guard size <= largestSize else {
      throw InvalidInput("it has \(size) bytes; a checkpoint has at most \(largestSize)")
    }
    guard size < smallestSparseSize || file.stores(atLeast: size / CheckpointSchema.largestCompression) else {
      throw InvalidInput("it is a sparse file of \(size) bytes, most of which were never written")
    }
    return size
  }

  private static func checkedDigest(
    of file: borrowing FileDescriptor, size: Int
  ) throws -> (digest: UInt64?, run: UInt64?) {
    var head = [UInt8](repeating: 0, count: Envelope.size + Envelope.signature.count)
    let count = try head.withUnsafeMutableBytes { try file.readFully($0, at: 0) }
    guard case .digest(let expected, let run) = try Envelope.content(Array(head[..<count])) else {
      return (nil, nil)
    }
    let actual = try digest(of: file)
    guard actual == expected else {
      throw InvalidInput(
        "it is damaged: its digest is \(XXHash64.hexadecimal(expected)), but its \(size) bytes have "
          + XXHash64.hexadecimal(actual) + " (cut off, or bits changed)")
    }
    return (actual, run)
  }

  /// Of the bytes after the envelope.
  private static func digest(of file: borrowing FileDescriptor) throws -> UInt64 {
    var hasher = XXHash64()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    defer { buffer.deallocate() }
    var offset = Envelope.size
    while true {
      let count = try file.readFully(buffer, at: offset)
      hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += count
      if count < buffer.count { return hasher.digest() }
    }
  }
}
