// The parent's side of contained reading: libhdf5 1.10 can crash or hang on hostile files, so a child process
// parses them, and only what it reports, checked again, enters this process.

import Platform
import GPTModel
import Glibc
import TrainingState

/// Reads a checkpoint in a child process that runs this same program.
public struct ContainedReader: Sendable {
  /// The program to start. It must call `CheckpointReaderProcess.runIfRequested()` first.
  public let executable: String
  /// Seconds that the child may take; nil derives them from the file's size.
  public let deadline: Int?

  public init(executable: String = "/proc/self/exe", deadline: Int? = nil) {
    self.executable = executable
    self.deadline = deadline
  }

  static func seconds(fileSize: Int) -> Int { 20 + fileSize / 20_000_000 }

  /// What the child has read.
  struct Reading {
    let snapshot: TrainingSnapshot
    /// Whether the kernel filtered the child's system calls.
    let isFiltered: Bool
  }

  /// - Throws: `InvalidInput`, without the file's name, if the file is at fault; `RuntimeFailure` if no child
  ///   could be started.
  ///
  /// - Parameter hasTensors: whether weights and moments are wanted, too; all zero otherwise.
  func read(_ file: borrowing FileDescriptor, size: Int, hasTensors: Bool = true) throws -> Reading {
    let seconds = deadline ?? Self.seconds(fileSize: size)
    let child = try ChildProcess(
      ["gpt-checkpoint-reader", CheckpointReaderProcess.flag], executable: executable,
      environment: Self.environment, output: .pipe, errors: .discarded, passing: file.raw)
    var answer = Answer(child: child, limit: Double(seconds))
    let cause: any Error
    do {
      let reading = try receive(from: &answer, fileSize: size, hasTensors: hasTensors)
      // Its answer is complete, so how it ends does not matter.
      child.send(SIGKILL)
      _ = child.wait()
      return reading
    } catch {
      cause = error
    }
    if answer.isLate { child.send(SIGKILL) }
    // Give it a second to die by itself: its own signal tells more than ours.
    let ending = child.wait(seconds: 1)
    if let refusal = cause as? Refusal {
      guard refusal.kind == .refusal else {
        throw RuntimeFailure("cannot read a checkpoint in confinement: \(refusal.message)")
      }
      throw InvalidInput(refusal.message)
    }
    if answer.isLate {
      throw InvalidInput(
        "the HDF5 library did not finish with it in \(seconds) s: the file is damaged or hostile")
    }
    switch ending {
    case .signal(let number):
      throw InvalidInput("the HDF5 library failed on it (signal \(number)): the file is damaged or hostile")
    case .status(127):
      throw RuntimeFailure("cannot start \(executable) to read the checkpoint")
    case .status(let status):
      throw InvalidInput(
        "its reader stopped with status \(status) (\(cause)): the file is damaged or hostile")
    case nil:
      throw InvalidInput("its reader had to be stopped (\(cause)): the file is damaged or hostile")
    }
  }

  /// Nothing but where the loader finds libraries. The child multiplies no matrices: no thread pool.
  static var environment: [String: String] {
    let libraries = environmentVariable("LD_LIBRARY_PATH").map { ["LD_LIBRARY_PATH": $0] } ?? [:]
    return libraries.merging(["OPENBLAS_NUM_THREADS": "1"]) { $1 }
  }

  /// A refusal or a failure in the child's words.
  private struct Refusal: Error {
    let kind: SnapshotStream.Kind
    let message: String
  }

  /// The child's output, read within a time that counts only while parent and child can run.
  private struct Answer {
    let child: ChildProcess
    /// In seconds.
    let limit: Double
    var clock = CappedClock()
    var isLate = false

    init(child: ChildProcess, limit: Double) {
      self.child = child
      self.limit = limit
    }

    /// Fills `buffer`; throws at the end of the output or at the deadline.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws {
      do {
        guard try child.readOutput(into: buffer, clock: &clock, limit: limit) == buffer.count else {
          throw InvalidInput("its answer ends early")
        }
      } catch is DeadlinePassed {
        isLate = true
        throw InvalidInput("it took too long")
      }
    }

    mutating func number<Number: FixedWidthInteger>() throws -> Number {
      var number: Number = 0
      try withUnsafeMutableBytes(of: &number) { try read(into: $0) }
      return Number(littleEndian: number)
    }
  }

  private func receive(
    from answer: inout Answer, fileSize: Int, hasTensors: Bool
  ) throws -> Reading {
    guard try answer.number() == SnapshotStream.magic else { throw InvalidInput("no answer") }
    let isFiltered: UInt8 = try answer.number()
    let kindByte: UInt8 = try answer.number()
    let length: UInt64 = try answer.number()
    let kind = SnapshotStream.Kind(rawValue: kindByte)
    // From file to stream, text and lists grow by at most this.
    let limit =
      kind == .snapshot
      ? min(1 << 20 + 8 * fileSize, SnapshotStream.longestHead) : SnapshotStream.longestMessage
    guard let kind, length <= UInt64(limit) else { throw InvalidInput("its answer is not a snapshot") }
    var head = [UInt8](repeating: 0, count: Int(length))
    try head.withUnsafeMutableBytes { try answer.read(into: $0) }
    if kind != .snapshot {
      throw Refusal(kind: kind, message: visible(String(decoding: head, as: UTF8.self)))
    }
    let model = try CheckpointSchema.model(from: SnapshotStream.decode(head))
    let table = ParameterTable(model.configuration)
    try CheckpointSchema.checkSize(table, sets: model.setCount, fileSize: fileSize)
    let snapshot = CheckpointSchema.emptySnapshot(model, table)
    guard hasTensors else { return Reading(snapshot: snapshot, isFiltered: isFiltered == 1) }
    let tensors = CheckpointSchema.tensors(of: snapshot, table)
    for tensor in tensors { try answer.read(into: tensor.bytes) }
    guard try answer.number() == SnapshotStream.magic else { throw InvalidInput("its answer has no end") }
    try CheckpointSchema.checkFinite(tensors)
    try CheckpointSchema.checkWeightsHash(snapshot, table)
    return Reading(snapshot: snapshot, isFiltered: isFiltered == 1)
  }
}
