// The child's side of contained reading: parses one checkpoint within memory and time limits and streams the
// result to standard output. Both programs enter here before anything else when started as that child.

import Platform
import GPTModel
import Glibc
import TrainingState

public enum CheckpointReaderProcess {
  /// First argument of the child; the second is the file. Hidden from the help.
  static let flag = "--internal-read-checkpoint"

  /// Reads a checkpoint and exits, if these arguments ask for it; otherwise returns immediately.
  ///
  /// Call first in `main`, before MPI starts.
  /// - Parameter arguments: with the program's name first, as in `CommandLine.arguments`.
  public static func runIfRequested(_ arguments: [String] = CommandLine.arguments) {
    guard arguments.count == 3, arguments[1] == flag else { return }
    Surroundings.end(run(path: arguments[2]))
  }

  private static func run(path: String) -> Int32 {
    do {
      // The parent's sockets and files are none of this process's business.
      for descriptor in 3..<Int32(min(sysconf(Int32(_SC_OPEN_MAX)), 1024)) { _ = close(descriptor) }
      let file = try FileDescriptor(open: path, O_RDONLY)
      let size = try file.size()
      try limitResources(fileSize: size)
      let output = FileDescriptor(owning: STDOUT_FILENO)
      do {
        // By descriptor, so that the file parsed is the file whose size was read.
        let snapshot = try CheckpointReader.snapshot(path: "/proc/self/fd/\(file.raw)", fileSize: size)
        try send(snapshot, to: output)
      } catch let refusal as InvalidInput {
        try send(.refusal, head: Array(refusal.message.utf8), to: output)
      } catch let failure as HDF5Failure {
        try send(
          .refusal, head: Array("the HDF5 library cannot read it: \(failure)".utf8), to: output)
      }
      return ExitStatus.success
    } catch {
      return ExitStatus.failure
    }
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
    try send(SnapshotStream.magic, to: output)
    try send(kind.rawValue, to: output)
    try send(UInt64(head.count), to: output)
    try output.writeAll(head)
  }

  private static func send(
    _ number: some FixedWidthInteger, to output: borrowing FileDescriptor
  ) throws {
    try withUnsafeBytes(of: number.littleEndian) { try output.writeAll($0) }
  }

  /// Memory: 1 GB more than the program has mapped, plus room for the data. CPU: 5 seconds plus one per 20
  /// MB. No core file, which would contain the user's data.
  private static func limitResources(fileSize: Int) throws {
    let mapped = try mappedBytes()
    try limit(RLIMIT_AS, to: mapped + (1 << 30) + 4 * fileSize)
    try limit(RLIMIT_CPU, to: 5 + fileSize / 20_000_000)
    try limit(RLIMIT_CORE, to: 0)
    try limit(RLIMIT_FSIZE, to: 0)
  }

  private static func limit(_ resource: __rlimit_resource, to value: Int) throws {
    let number = __rlimit_resource_t(resource.rawValue)
    var limits = rlimit()
    guard getrlimit(number, &limits) == 0 else { throw RuntimeFailure(systemError()) }
    limits.rlim_cur = min(limits.rlim_max, rlim_t(value))
    limits.rlim_max = limits.rlim_cur
    guard setrlimit(number, &limits) == 0 else { throw RuntimeFailure(systemError()) }
  }

  private static func mappedBytes() throws -> Int {
    let pages = smallFile("/proc/self/statm")?.split(separator: " ").first.flatMap { Int($0) }
    guard let pages else { throw RuntimeFailure("/proc/self/statm is unreadable") }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
