// The child's side of contained reading: parses one checkpoint in confinement and streams the result to standard
// output. Both programs enter here before anything else when started as that child.

import Platform
import GPTModel
import Glibc
import TrainingState

public enum CheckpointReaderProcess {
  /// The child's argument. Hidden from the help.
  static let flag = "--internal-read-checkpoint"

  /// Reads the checkpoint that this process was passed (`ChildProcess.passedFile`) and exits, if these arguments
  /// ask for it; otherwise returns immediately.
  ///
  /// Call first in `main`, before MPI starts.
  /// - Parameter arguments: with the program's name first, as in `CommandLine.arguments`.
  public static func runIfRequested(_ arguments: [String] = CommandLine.arguments) {
    guard arguments.count == 2, arguments[1] == flag else { return }
    // No exit handlers: libraries have nothing to tidy up here, and may do nothing any more.
    _exit(run())
  }

  private static func run() -> Int32 {
    let output = FileDescriptor(owning: STDOUT_FILENO)
    do {
      try send(SnapshotStream.magic, to: output)
      let image: FileMapping
      do {
        let file = FileDescriptor(owning: ChildProcess.passedFile)
        let size = try file.size()
        image = try FileMapping(file, size: size)
        let isFiltered = try Confinement.enter(
          memory: memory(fileSize: size), seconds: 5 + size / 20_000_000)
        try send(isFiltered ? 1 as UInt8 : 0, to: output)
      } catch {
        try send(0 as UInt8, to: output)
        try send(.failure, "\(error)", to: output)
        return ExitStatus.failure
      }
      do {
        try send(image.withBytes { try CheckpointReader.snapshot(in: $0) }, to: output)
      } catch let refusal as InvalidInput {
        try send(.refusal, refusal.message, to: output)
      } catch let failure as HDF5Failure {
        try send(.refusal, "the HDF5 library cannot read it: \(failure)", to: output)
      }
      return ExitStatus.success
    } catch {
      return ExitStatus.failure
    }
  }

  /// Bytes that parsing may take: half a gigabyte for what is small, and room for the data of a compressed file.
  private static func memory(fileSize: Int) -> Int { (1 << 29) + 4 * fileSize }

  private static func send(
    _ kind: SnapshotStream.Kind, _ message: String, to output: borrowing FileDescriptor
  ) throws {
    try send(kind, head: Array(message.utf8.prefix(SnapshotStream.longestMessage)), to: output)
  }

  private static func send(_ snapshot: TrainingSnapshot, to output: borrowing FileDescriptor) throws {
    let table = ParameterTable(snapshot.configuration)
    try send(.snapshot, head: SnapshotStream.encode(CheckpointSchema.values(of: snapshot)), to: output)
    for tensor in CheckpointSchema.tensors(of: snapshot, table) {
      try output.writeAll(UnsafeRawBufferPointer(tensor.bytes))
    }
    try send(SnapshotStream.magic, to: output)
  }

  private static func send(
    _ kind: SnapshotStream.Kind, head: [UInt8], to output: borrowing FileDescriptor
  ) throws {
    try send(kind.rawValue, to: output)
    try send(UInt64(head.count), to: output)
    try output.writeAll(head)
  }

  private static func send(
    _ number: some FixedWidthInteger, to output: borrowing FileDescriptor
  ) throws {
    try withUnsafeBytes(of: number.littleEndian) { try output.writeAll($0) }
  }
}
