// A scan as bytes, for the broadcast from rank 0 to the ranks of the same program. Not a file format.

import Diagnostics

extension CorpusScan {
  /// Little-endian, 8 bytes a number; `init(serialized:)` reverses it.
  public func serialized() -> [UInt8] {
    var writer = ByteWriter()
    writer.append(workflow == .chunks ? 0 : 1)
    writer.append(byteCount)
    writer.append(characterCount)
    writer.append(Array(sha256.utf8).map(Int.init))
    writer.append(scalars.map { Int($0.value) })
    switch index {
    case .ascii:
      writer.append(0)
    case .sparse(let offsets):
      writer.append(1)
      writer.append(offsets)
    case .documents(let starts, let lengths):
      writer.append(2)
      writer.append(starts)
      writer.append(lengths.map(Int.init))
    }
    return writer.bytes
  }

  /// - Throws: `RuntimeFailure` for bytes that `serialized()` never makes.
  public init(serialized bytes: [UInt8]) throws {
    var reader = ByteReader(bytes)
    let workflow = try reader.integer()
    let byteCount = try reader.integer()
    let characterCount = try reader.integer()
    let digest = try reader.integers().map(UInt8.init(truncatingIfNeeded:))
    let scalars = try reader.integers().map { UInt32(exactly: $0).flatMap(Unicode.Scalar.init) }
    let index: Index
    switch try reader.integer() {
    case 0: index = .ascii
    case 1: index = .sparse(offsets: try reader.integers())
    case 2:
      let starts = try reader.integers()
      let lengths = try reader.integers().map(UInt32.init(clamping:))
      guard starts.count == lengths.count else { throw ByteReader.damaged }
      index = .documents(starts: starts, lengths: lengths)
    default: throw ByteReader.damaged
    }
    guard reader.isAtEnd, (0...1).contains(workflow), !scalars.contains(nil) else {
      throw ByteReader.damaged
    }
    self.init(
      workflow: workflow == 0 ? .chunks : .documents, byteCount: byteCount,
      sha256: String(decoding: digest, as: UTF8.self), characterCount: characterCount,
      scalars: scalars.compactMap(\.self), index: index)
  }
}

private struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ value: Int) {
    withUnsafeBytes(of: Int64(value).littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// The count, then the numbers.
  mutating func append(_ values: [Int]) {
    bytes.reserveCapacity(bytes.count + 8 * (values.count + 1))
    append(values.count)
    for value in values { append(value) }
  }
}

private struct ByteReader {
  static let damaged = RuntimeFailure("the description of the corpus arrived damaged from rank 0")
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { offset == bytes.count }

  mutating func integer() throws -> Int {
    guard bytes.count - offset >= 8 else { throw Self.damaged }
    let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Int64.self) }
    offset += 8
    return Int(Int64(littleEndian: value))
  }

  mutating func integers() throws -> [Int] {
    let count = try integer()
    guard count >= 0, count <= (bytes.count - offset) / 8 else { throw Self.damaged }
    return try (0..<count).map { _ in try integer() }
  }
}
