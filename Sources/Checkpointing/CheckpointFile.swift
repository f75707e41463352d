// Saving and loading a training as one JLD2 (HDF5) file. CheckpointSchema decides what the file says,
// CheckpointImage what its bytes look like.

import Platform
import GPTModel
import Reproducibility
import TrainingState

public enum CheckpointFile {
  /// Of what is written; older ones are read, too.
  public static var formatVersion: Int { CheckpointSchema.version }
  public static var libraryVersion: String { HDF5.version }

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
      var snapshot = snapshot
      snapshot.training?.progress.weightsHash = table.weightsHash(of: snapshot.weights)
      let image = try CheckpointImage.make(snapshot)
      try CheckpointReader.checkStructure(in: image.file, size: image.count)
      try createFolder(of: path)
      try image.withBody { body in
        var digest = XXHash64()
        for part in body { digest.update(part) }
        let head = Envelope.bytes(digest: digest.digest(), run: snapshot.training?.runFingerprint)
        try head.withUnsafeBytes { envelope in
          try FileReplacement.replace(
            path, with: [envelope] + body, verify: { path in _ = try OpenedCheckpoint(path) },
            onPhase: onPhase
          )
        }
      }
    } catch {
      throw RuntimeFailure("cannot save checkpoint \(path): \(error)")
    }
  }

  /// A loaded checkpoint and what is known of its file.
  package struct Contents: Sendable {
    package let snapshot: TrainingSnapshot
    /// Bytes of the file.
    package let size: Int
    /// Which the file states and has; nil if another program wrote it.
    package let digest: UInt64?
    /// Whether the kernel kept the process that parsed it to a few system calls.
    package let isFiltered: Bool
  }

  /// Loads a checkpoint: one of ours, one that another program wrote to our schema, or one by MicroGPT.jl.
  ///
  /// - Throws: `InvalidInput` naming the file, what is wrong and what to do.
  public static func read(
    _ path: String, using reader: ContainedReader = ContainedReader()
  ) throws -> TrainingSnapshot {
    try contents(of: path, using: reader).snapshot
  }

  /// The same with what is known of the file.
  ///
  /// - Parameter hasTensors: whether weights and moments are wanted, too: without them, all zero, it is known sooner what a
  ///   file is of. Its digest is checked all the same.
  package static func contents(
    of path: String, hasTensors: Bool = true, using reader: ContainedReader = ContainedReader()
  ) throws -> Contents {
    do {
      let opened: OpenedCheckpoint
      do {
        opened = try OpenedCheckpoint(path)
      } catch let failure as RuntimeFailure {
        throw InvalidInput("it cannot be read: \(failure)")
      }
      let reading = try reader.read(opened.file, size: opened.size, hasTensors: hasTensors)
      if let run = opened.run, let training = reading.snapshot.training, training.runFingerprint != run {
        throw InvalidInput("it is damaged: its head is of another run than its settings")
      }
      return Contents(
        snapshot: reading.snapshot, size: opened.size, digest: opened.digest, isFiltered: reading.isFiltered)
    } catch let error as InvalidInput {
      throw InvalidInput("checkpoint \(path): \(error.message); \(remedy)")
    }
  }

  static let remedy = "choose another checkpoint, or an older copy of this one"

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
}
