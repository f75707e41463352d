// A scan as bytes, for the broadcast from rank 0 to the ranks of the same program, and for records of caches
// (ScanCache), which know by their version what wrote them.

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
    case .characters(let places):
      writer.append(UInt8(1))
      places.append(to: &writer)
    case .documents(let count, let places):
      writer.append(UInt8(2))
      writer.append(count)
      places.append(to: &writer)
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
    case 1:
      let places = try SparseIndex(&reader)
      guard places.isSound(byteCount: byteCount, itemCount: characterCount) else { throw garbled }
      index = .characters(places)
    case 2:
      let count: Int = try reader.number()
      let places = try SparseIndex(&reader)
      guard places.isSound(byteCount: byteCount, itemCount: count) else { throw garbled }
      index = .documents(count: count, places)
    default: throw garbled
    }
    try reader.finish()
    guard let workflow, !scalars.contains(nil), (0...byteCount).contains(characterCount),
      (0...3).contains(textStart)
    else { throw garbled }
    self.init(
      workflow: workflow, byteCount: byteCount, sha256: sha256, textStart: textStart,
      characterCount: characterCount, carriageReturnCount: carriageReturnCount,
      scalars: scalars.compactMap(\.self), index: index)
  }
}
