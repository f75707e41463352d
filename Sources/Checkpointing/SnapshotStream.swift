// A snapshot as a stream of bytes between the reading child and its parent. Not a file format: both ends are
// the same program. The parent trusts nothing in it, because a hostile file may have taken over the child.

import Diagnostics
import GPTModel

/// Layout, little-endian: `magic`, kind (u8), length of the head (u64), head, tensors' floats, `magic` again.
/// The head holds the values: path, kind and content of each, every string and list behind its length.
enum SnapshotStream {
  static let magic: UInt64 = 0x4D47_5054_534E_4150
  enum Kind: UInt8 {
    case snapshot = 1
    /// The head is a message for the user.
    case refusal = 2
  }

  static func encode(_ values: [(path: String, value: CheckpointValue)]) -> [UInt8] {
    var bytes: [UInt8] = []
    func append<Number: FixedWidthInteger>(_ number: Number) {
      withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }
    func append(_ text: String) {
      append(UInt64(text.utf8.count))
      bytes.append(contentsOf: text.utf8)
    }
    func append<Element>(list: [Element], _ body: (Element) -> Void) {
      append(UInt64(list.count))
      list.forEach(body)
    }
    append(list: values) { path, value in
      append(path)
      append(value.kind.rawValue)
      switch value {
      case .integer(let value): append(value)
      case .integers(let values): append(list: values) { append($0) }
      case .unsignedIntegers(let values): append(list: values) { append($0) }
      case .real(let value): append(value.bitPattern)
      case .floats(let values): append(list: values) { append($0.bitPattern) }
      case .string(let text): append(text)
      case .strings(let texts): append(list: texts) { append($0) }
      }
    }
    return bytes
  }

  /// - Throws: `InvalidInput` at the first byte that `encode` would not have written.
  static func decode(_ bytes: [UInt8]) throws -> [String: CheckpointValue] {
    var cursor = Cursor(bytes: bytes)
    var values: [String: CheckpointValue] = [:]
    for _ in 0..<(try cursor.length(elementSize: 9)) {
      let path = try cursor.string()
      guard let kind = CheckpointValue.Kind(rawValue: try cursor.number()) else { throw cursor.garbage }
      switch kind {
      case .integer: values[path] = .integer(try cursor.number())
      case .integers: values[path] = .integers(try cursor.list(elementSize: 8) { try $0.number() })
      case .unsignedIntegers:
        values[path] = .unsignedIntegers(try cursor.list(elementSize: 8) { try $0.number() })
      case .real: values[path] = .real(Double(bitPattern: try cursor.number()))
      case .floats:
        values[path] = .floats(try cursor.list(elementSize: 4) { Float(bitPattern: try $0.number()) })
      case .string: values[path] = .string(try cursor.string())
      case .strings: values[path] = .strings(try cursor.list(elementSize: 8) { try $0.string() })
      }
    }
    guard cursor.isAtEnd else { throw cursor.garbage }
    return values
  }

  private struct Cursor {
    let bytes: [UInt8]
    var offset = 0
    let garbage = InvalidInput("its reader returned nonsense")
    var isAtEnd: Bool { offset == bytes.count }

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func number<Number: FixedWidthInteger>() throws -> Number {
      let size = MemoryLayout<Number>.size
      guard bytes.count - offset >= size else { throw garbage }
      defer { offset += size }
      return bytes.withUnsafeBytes {
        Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
      }
    }

    /// A count of elements that the remaining bytes can hold.
    mutating func length(elementSize: Int) throws -> Int {
      let length: UInt64 = try number()
      guard length <= UInt64((bytes.count - offset) / elementSize) else { throw garbage }
      return Int(length)
    }

    mutating func list<Element>(
      elementSize: Int, _ element: (inout Self) throws -> Element
    ) throws -> [Element] {
      let count = try length(elementSize: elementSize)
      var elements: [Element] = []
      elements.reserveCapacity(count)
      for _ in 0..<count { elements.append(try element(&self)) }
      return elements
    }

    mutating func string() throws -> String {
      let count = try length(elementSize: 1)
      defer { offset += count }
      let text = String(validating: bytes[offset..<offset + count], as: UTF8.self)
      guard let text else { throw garbage }
      return text
    }
  }
}
