// Values as bytes for messages between processes of the same program. Not a file format: both ends are one
// build. Little-endian; texts and lists are preceded by their length.

public struct ByteWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  public mutating func append(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  public mutating func append(_ text: String) {
    append(UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  public mutating func append(raw: UnsafeRawBufferPointer) { bytes.append(contentsOf: raw) }

  public mutating func append<Element>(list: [Element], _ body: (inout ByteWriter, Element) -> Void) {
    append(UInt64(list.count))
    for element in list { body(&self, element) }
  }

  /// In one piece: corpora have an index of millions.
  public mutating func append(list: [some FixedWidthInteger]) {
    append(UInt64(list.count))
    let little = 1.littleEndian == 1 ? list : list.map(\.littleEndian)
    little.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }
}

/// Reads what `ByteWriter` wrote and trusts nothing: a length that exceeds the remaining bytes is an error.
public struct ByteReader {
  private let bytes: [UInt8]
  private var offset = 0
  /// Thrown at the first byte that `ByteWriter` would not have written.
  public let garbled: any Error

  public init(_ bytes: [UInt8], garbled: any Error) {
    self.bytes = bytes
    self.garbled = garbled
  }

  public var isAtEnd: Bool { offset == bytes.count }

  /// - Throws: `garbled` unless everything has been read.
  public func finish() throws {
    guard isAtEnd else { throw garbled }
  }

  public mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws -> Number {
    let size = MemoryLayout<Number>.size
    guard bytes.count - offset >= size else { throw garbled }
    defer { offset += size }
    return bytes.withUnsafeBytes {
      Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
  }

  public mutating func text() throws -> String {
    let count = try length(elementSize: 1)
    defer { offset += count }
    guard let text = String(validating: bytes[offset..<offset + count], as: UTF8.self) else { throw garbled }
    return text
  }

  /// Copies the next bytes to `target`.
  public mutating func copy(into target: UnsafeMutableRawBufferPointer) throws {
    guard bytes.count - offset >= target.count else { throw garbled }
    bytes.withUnsafeBytes {
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + target.count]))
    }
    offset += target.count
  }

  /// - Parameter elementSize: the fewest bytes that one element takes.
  public mutating func list<Element>(
    elementSize: Int, _ element: (inout Self) throws -> Element
  ) throws -> [Element] {
    let count = try length(elementSize: elementSize)
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for _ in 0..<count { elements.append(try element(&self)) }
    return elements
  }

  public mutating func list<Number: FixedWidthInteger>(of type: Number.Type = Number.self) throws -> [Number]
  {
    let count = try length(elementSize: MemoryLayout<Number>.size)
    var numbers = [Number](repeating: 0, count: count)
    try numbers.withUnsafeMutableBytes { try copy(into: $0) }
    return 1.littleEndian == 1 ? numbers : numbers.map(Number.init(littleEndian:))
  }

  /// An element count that the remaining bytes can hold.
  private mutating func length(elementSize: Int) throws -> Int {
    let length: UInt64 = try number()
    guard length <= UInt64((bytes.count - offset) / elementSize) else { throw garbled }
    return Int(length)
  }
}
