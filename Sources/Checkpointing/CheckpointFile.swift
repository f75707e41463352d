// Saving and loading a training as one JLD2 (HDF5) file. CheckpointSchema decides what the file says,
// CheckpointImage what its bytes look like.

import Platform
import GPTModel
import Glibc
import Reproducibility
import TrainingState

public enum CheckpointFile {
  /// Replaces the file at `path` with one that holds `snapshot`: completely or not at all.
  ///
  /// Creates missing folders. Computes `progress/weights_hash`. Saving one state twice gives the same bytes.
  /// - Throws: `RuntimeFailure` naming the file and the cause; the old file is then untouched.
  public static func write(
    _ snapshot: TrainingSnapshot, to path: String, onPhase: (FileReplacement.Phase) throws -> Void = { _ in }
  ) throws {
    do {
      let table = ParameterTable(snapshot.configuration)
      let tensors = CheckpointSchema.tensors(of: snapshot, table)
      // A file that no reader accepts must not replace one that every reader accepts.
      try CheckpointSchema.checkFinite(tensors)
      try createFolder(of: path)
      var snapshot = snapshot
      snapshot.training?.progress.weightsHash = table.weightsHash(of: snapshot.weights)
      let image = try CheckpointImage.make(snapshot)
      let body = UnsafeRawBufferPointer(rebasing: image.bytes[Envelope.size...])
      let head = Envelope.bytes(digest: XXHash64.hash(body), run: snapshot.training?.runFingerprint)
      try head.withUnsafeBytes { envelope in
        try FileReplacement.replace(
          path, with: [envelope, body],
          verify: { path in
            let size = try checkContent(of: path)
            try CheckpointReader.checkStructure(path: path, fileSize: size)
          }, onPhase: onPhase)
      }
      withExtendedLifetime(image) {}
    } catch {
      throw RuntimeFailure("cannot save checkpoint \(path): \(error)")
    }
  }

  /// Loads a checkpoint: one of ours, one that another program wrote to our schema, or one by MicroGPT.jl.
  ///
  /// - Throws: `InvalidInput` naming the file, what is wrong and what to do.
  public static func read(
    _ path: String, using reader: ContainedReader = ContainedReader()
  ) throws -> TrainingSnapshot {
    do {
      let (size, run): (Int, UInt64?)
      do {
        (size, run) = try verifiedContent(of: path)
      } catch let failure as RuntimeFailure {
        throw InvalidInput("it cannot be read: \(failure)")
      }
      let snapshot = try reader.snapshot(path: path, fileSize: size)
      if let run, let training = snapshot.training, training.runFingerprint != run {
        throw InvalidInput("it is damaged: its head is of another run than its settings")
      }
      return snapshot
    } catch let error as InvalidInput {
      throw InvalidInput("checkpoint \(path): \(error.message); \(remedy)")
    }
  }

  static let remedy = "choose another checkpoint, or an older copy of this one"

  /// Checks everything that needs no libhdf5: that it is a regular file, its envelope, its digest.
  ///
  /// - Returns: its size in bytes.
  /// - Throws: `InvalidInput` that does not name the file.
  @discardableResult
  package static func checkContent(of path: String) throws -> Int { try verifiedContent(of: path).size }

  /// - Returns: also the run that its envelope states.
  private static func verifiedContent(of path: String) throws -> (size: Int, run: UInt64?) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw InvalidInput(errno == ENOENT ? "there is no such file" : systemError())
    }
    guard FileKind(status) == .regular else {
      throw InvalidInput("it is \(FileKind(status).words), not a regular file")
    }
    guard status.st_size > 0 else { throw InvalidInput("it is empty") }
    let file = try opened(path)
    var head = [UInt8](repeating: 0, count: Envelope.size + Envelope.signature.count)
    let count = try head.withUnsafeMutableBytes { try file.readFully($0) }
    let content = try Envelope.content(Array(head[..<count]))
    let size = try file.size()
    guard case .digest(let expected, let run) = content else { return (size, nil) }
    let actual = try digest(of: file)
    guard actual == expected else {
      throw InvalidInput(
        "it is damaged: its digest is \(XXHash64.hexadecimal(expected)), but its \(size) bytes have "
          + XXHash64.hexadecimal(actual) + " (cut off, or bits changed)")
    }
    return (size, run)
  }

  /// The digest that the file's envelope states; nil for files of other programs.
  package static func envelopeDigest(of path: String) throws -> UInt64? {
    let head = try firstBytes(of: path, count: Envelope.size + Envelope.signature.count)
    guard case .digest(let digest, _) = try Envelope.content(head) else { return nil }
    return digest
  }

  /// The run that the file's envelope states, even if the rest of it is damaged; nil for files of other programs, of
  /// earlier versions and of weights only.
  package static func statedRun(of path: String) throws -> UInt64? {
    let head = try firstBytes(of: path, count: Envelope.size + Envelope.signature.count)
    guard case .digest(_, let run) = try Envelope.content(head) else { return nil }
    return run
  }

  /// Whether a file is empty or begins like a checkpoint, whole or damaged, of any program.
  package static func mayBeCheckpoint(_ path: String) throws -> Bool {
    let head = try firstBytes(of: path, count: Envelope.size + Envelope.signature.count)
    return head.isEmpty || head.starts(with: Envelope.bytes(digest: 0).prefix(32))
      || head.starts(with: Envelope.signature)
      || head.dropFirst(Envelope.size).starts(with: Envelope.signature)
  }

  private static func opened(_ path: String) throws -> FileDescriptor {
    do {
      return try FileDescriptor(open: path, O_RDONLY)
    } catch {
      throw InvalidInput("it cannot be read: \(error)")
    }
  }

  /// The digest of the bytes after the envelope.
  private static func digest(of file: borrowing FileDescriptor) throws -> UInt64 {
    guard lseek(file.raw, off_t(Envelope.size), SEEK_SET) >= 0 else { throw RuntimeFailure(systemError()) }
    var hasher = XXHash64()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    defer { buffer.deallocate() }
    while true {
      let count = try file.readFully(buffer)
      hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      if count < buffer.count { return hasher.digest() }
    }
  }
}
