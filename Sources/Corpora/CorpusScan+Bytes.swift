// A scan as bytes, for the broadcast from rank 0 to the ranks of the same program. Not a file format.

import GPTModel
import Platform

extension CorpusScan {
  /// `init(serialized:)` reverses it.
  public func serialized() -> [UInt8] {
    var writer = ByteWriter()
    writer.append(workflow.rawValue)
    writer.append(byteCount)
    writer.append(textStart)
    writer.append(characterCount)
    writer.append(carriageReturnCount)
    writer.append(sha256)
    writer.append(list: scalars.map(\.value))
    switch index {
    case .ascii:
      writer.append(UInt8(0))
    case .sparse(let offsets):
      writer.append(UInt8(1))
      writer.append(list: offsets)
    case .documents(let starts, let lengths):
      writer.append(UInt8(2))
      writer.append(list: starts)
      writer.append(list: lengths)
    }
    return writer.bytes
  }

  /// - Throws: `RuntimeFailure` for bytes that `serialized()` never produces.
  public init(serialized bytes: [UInt8]) throws {
    let garbled = RuntimeFailure("the description of the corpus arrived damaged from rank 0")
    var reader = ByteReader(bytes, garbled: garbled)
    let workflow = Workflow(rawValue: try reader.text())
    let byteCount: Int = try reader.number()
    let textStart: Int = try reader.number()
    let characterCount: Int = try reader.number()
    let carriageReturnCount: Int = try reader.number()
    let sha256 = try reader.text()
    let scalars = try reader.list(of: UInt32.self).map(Unicode.Scalar.init)
    let index: Index
    switch try reader.number(UInt8.self) {
    case 0: index = .ascii
    case 1: index = .sparse(offsets: try reader.list())
    case 2:
      let starts: [Int] = try reader.list()
      let lengths: [UInt32] = try reader.list()
      guard starts.count == lengths.count else { throw garbled }
      index = .documents(starts: starts, lengths: lengths)
    default: throw garbled
    }
    try reader.finish()
    guard let workflow, !scalars.contains(nil) else { throw garbled }
    self.init(
      workflow: workflow, byteCount: byteCount, sha256: sha256, textStart: textStart,
      characterCount: characterCount, carriageReturnCount: carriageReturnCount,
      scalars: scalars.compactMap(\.self), index: index)
  }
}
