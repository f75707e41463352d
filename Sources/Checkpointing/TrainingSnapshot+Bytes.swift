// A snapshot as one array of bytes, so that the rank that read a checkpoint can give it to the others.
// Not a file format: both ends are the same program.

import Diagnostics
import GPTModel

extension TrainingSnapshot {
  /// Length of the head, head, tensors' floats.
  public func serialized() -> [UInt8] {
    let head = SnapshotStream.encode(CheckpointSchema.values(of: self))
    var bytes = withUnsafeBytes(of: UInt64(head.count).littleEndian) { Array($0) }
    bytes += head
    for tensor in CheckpointSchema.tensors(of: self, ParameterTable(configuration)) {
      bytes.append(contentsOf: UnsafeRawBufferPointer(tensor.bytes))
    }
    return bytes
  }

  /// - Throws: `InvalidInput` if `bytes` are not what `serialized` makes.
  public init(serialized bytes: [UInt8]) throws {
    let garbage = InvalidInput("the state that rank 0 sent is not understood")
    guard bytes.count >= 8 else { throw garbage }
    let headCount = bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    guard headCount <= UInt64(bytes.count - 8) else { throw garbage }
    let values = try SnapshotStream.decode(Array(bytes[8..<8 + Int(headCount)]))
    let model = try CheckpointSchema.model(from: values)
    let table = ParameterTable(model.configuration)
    self = try CheckpointSchema.emptySnapshot(model, table, from: values)
    var offset = 8 + Int(headCount)
    for tensor in CheckpointSchema.tensors(of: self, table) {
      guard bytes.count - offset >= tensor.bytes.count else { throw garbage }
      bytes.withUnsafeBytes {
        tensor.bytes.copyMemory(
          from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + tensor.bytes.count]))
      }
      offset += tensor.bytes.count
    }
    guard offset == bytes.count else { throw garbage }
  }
}
