// A snapshot as one array of bytes, so that the rank that read a checkpoint can send it to the others. Not a
// file format: both ends are the same program.

import Platform
import GPTModel
import TrainingState

extension TrainingSnapshot {
  /// The values, then the tensors' floats.
  public func serialized() -> [UInt8] {
    var writer = ByteWriter()
    writer.append(list: SnapshotStream.encode(CheckpointSchema.values(of: self)))
    for tensor in CheckpointSchema.tensors(of: self, ParameterTable(configuration)) {
      writer.append(raw: UnsafeRawBufferPointer(tensor.bytes))
    }
    return writer.bytes
  }

  /// - Throws: `InvalidInput` if `bytes` did not come from `serialized`.
  public init(serialized bytes: [UInt8]) throws {
    var reader = ByteReader(
      bytes, garbled: InvalidInput("the state that rank 0 sent is garbled"))
    let model = try CheckpointSchema.model(from: SnapshotStream.decode(reader.list()))
    let table = ParameterTable(model.configuration)
    self = CheckpointSchema.emptySnapshot(model, table)
    for tensor in CheckpointSchema.tensors(of: self, table) { try reader.copy(into: tensor.bytes) }
    try reader.finish()
  }
}
