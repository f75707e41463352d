// The parent's side of contained reading: libhdf5 1.10 can crash or hang on hostile files, so a child process
// parses them, and only what it reports, checked again, enters this process.

import Diagnostics
import GPTModel
import Glibc

/// Reads a checkpoint in a child process that is this program itself.
public struct ContainedReader: Sendable {
  /// The program to start. It must call `CheckpointReaderProcess.runIfRequested()` first.
  public let executable: String
  /// For how long the child may be silent or busy; nil asks the file's size.
  public let deadline: Int?

  public init(executable: String = "/proc/self/exe", deadline: Int? = nil) {
    self.executable = executable
    self.deadline = deadline
  }

  static func seconds(fileSize: Int) -> Int { 20 + fileSize / 20_000_000 }

  /// - Throws: `InvalidInput` without the file's name when the file is at fault; `RuntimeFailure` when no
  ///   child could be started.
  func snapshot(path: String, fileSize: Int) throws -> TrainingSnapshot {
    let seconds = deadline ?? Self.seconds(fileSize: fileSize)
    let child = try ChildProcess(
      executable: executable, arguments: ["gpt-checkpoint-reader", CheckpointReaderProcess.flag, path],
      seconds: seconds)
    let outcome = Result { try receive(from: child, fileSize: fileSize) }
    let ending = child.end(isFinished: (try? outcome.get()) != nil)
    switch (outcome, ending) {
    case (.success(let snapshot), _): return snapshot
    case (.failure(let refusal as Refusal), _): throw InvalidInput(refusal.message)
    case (_, .timedOut):
      throw InvalidInput(
        "the HDF5 library did not finish with it in \(seconds) s: the file is damaged or hostile")
    case (_, .signal(let number)):
      throw InvalidInput(
        "the HDF5 library failed on it (signal \(number)): the file is damaged or hostile")
    case (_, .status(127)):
      throw RuntimeFailure("cannot start \(executable) to read the checkpoint")
    case (.failure(let error), .killed):
      throw InvalidInput("its reader had to be stopped (\(error)): the file is damaged or hostile")
    case (.failure(let error), .status(let status)):
      throw InvalidInput(
        "its reader stopped with status \(status) (\(error)): the file is damaged or hostile")
    }
  }

  /// A refusal in the child's words.
  private struct Refusal: Error { let message: String }

  private func receive(from child: ChildProcess, fileSize: Int) throws -> TrainingSnapshot {
    guard try child.number() == SnapshotStream.magic else { throw InvalidInput("no answer") }
    var kindByte: UInt8 = 0
    try withUnsafeMutableBytes(of: &kindByte) { try child.read(into: $0) }
    let length = try child.number()
    // Text and lists grow by at most this from a file to its stream.
    let limit = kindByte == SnapshotStream.Kind.refusal.rawValue ? 4096 : 1 << 20 + 8 * fileSize
    guard let kind = SnapshotStream.Kind(rawValue: kindByte), length <= UInt64(limit) else {
      throw InvalidInput("its answer is no snapshot")
    }
    var head = [UInt8](repeating: 0, count: Int(length))
    try head.withUnsafeMutableBytes { try child.read(into: $0) }
    if kind == .refusal {
      let text = String(decoding: head, as: UTF8.self).unicodeScalars.map {
        $0.properties.generalCategory == .control ? " " : Character($0)
      }
      throw Refusal(message: String(text))
    }
    let values = try SnapshotStream.decode(head)
    let model = try CheckpointSchema.model(from: values)
    let table = ParameterTable(model.configuration)
    try CheckpointSchema.checkSize(table, sets: model.isResumable ? 3 : 1, fileSize: fileSize)
    let snapshot = try CheckpointSchema.emptySnapshot(model, table, from: values)
    let tensors = CheckpointSchema.tensors(of: snapshot, table)
    for tensor in tensors { try child.read(into: tensor.bytes) }
    guard try child.number() == SnapshotStream.magic else { throw InvalidInput("its answer has no end") }
    try CheckpointSchema.checkFinite(tensors)
    try CheckpointSchema.checkWeightsHash(snapshot, table)
    return snapshot
  }
}
