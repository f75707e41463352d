// A snapshot as a stream of bytes between the reading child and its parent. Not a file format: both ends are
// the same program. The parent trusts nothing in it, because a hostile file may have taken over the child.

import Platform
import GPTModel
import TrainingState

/// Layout, little-endian: `magic`, whether system calls are filtered (u8), kind (u8), length of the head (u64), head,
/// tensors' floats, `magic` again.
/// The head holds the values: path, kind and content of each, every string and list preceded by its length.
package enum SnapshotStream {
  static let magic: UInt64 = 0x4D47_5054_534E_4150
  enum Kind: UInt8 {
    case snapshot = 1
    /// The head is a message for the user: the file is at fault.
    case refusal = 2
    /// The head says what the system has refused to the child.
    case failure = 3
  }

  /// In bytes.
  static let longestMessage = 4096
  /// Bytes of the longest head: the largest alphabet, spelled twice, and room for the rest.
  static let longestHead = 1 << 26

  package static func encode(_ values: [(path: String, value: StateValue)]) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(list: values) { writer, entry in
      writer.append(entry.path)
      writer.append(entry.value.kind.rawValue)
      switch entry.value {
      case .integer(let value): writer.append(value)
      case .integers(let values): writer.append(list: values)
      case .unsignedIntegers(let values): writer.append(list: values)
      case .real(let value): writer.append(value.bitPattern)
      case .floats(let values): writer.append(list: values.map(\.bitPattern))
      case .string(let text): writer.append(text)
      case .strings(let texts): writer.append(list: texts) { $0.append($1) }
      }
    }
    return writer.bytes
  }

  /// - Throws: `InvalidInput` at the first byte that `encode` would not have written.
  static func decode(_ bytes: [UInt8]) throws -> [String: StateValue] {
    let garbage = InvalidInput("its reader returned nonsense")
    var reader = ByteReader(bytes, garbled: garbage)
    let entries = try reader.list(elementSize: 17) { reader -> (String, StateValue) in
      let path = try reader.text()
      guard let kind = StateValue.Kind(rawValue: try reader.number()) else { throw garbage }
      switch kind {
      case .integer: return (path, .integer(try reader.number()))
      case .integers: return (path, .integers(try reader.list()))
      case .unsignedIntegers: return (path, .unsignedIntegers(try reader.list()))
      case .real: return (path, .real(Double(bitPattern: try reader.number())))
      case .floats: return (path, .floats(try reader.list(of: UInt32.self).map(Float.init(bitPattern:))))
      case .string: return (path, .string(try reader.text()))
      case .strings: return (path, .strings(try reader.list(elementSize: 8) { try $0.text() }))
      }
    }
    try reader.finish()
    return Dictionary(entries) { $1 }
  }
}
