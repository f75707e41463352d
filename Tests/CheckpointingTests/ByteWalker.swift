// Reads an HDF5 file byte by byte, without libhdf5, as strictly as JLD2.jl's reader: whatever our recipe
// forbids throws. (HDF5 File Format Specification, version 3: superblock 2, object headers 2.)

import Testing

@testable import Checkpointing

struct ByteWalker {
  struct Surprise: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  struct Dataset: Equatable {
    var dimensions: [Int] = []
    /// `i64 u64 f32 f64 str`
    var type = ""
    var isCompact = false
    var content: [UInt8] = []
  }

  let bytes: [UInt8]
  private(set) var datasets: [String: Dataset] = [:]
  private(set) var groups: [String] = []
  /// Where each object header lies, its checksum (the last four bytes) included.
  private(set) var headers: [Range<Int>] = []
  private static let base = 512

  init(_ bytes: [UInt8]) throws {
    self.bytes = bytes
    let start = Self.base
    try require(
      Array(bytes[start..<start + 8]) == [0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10], "signature")
    try require(Array(bytes[start + 8..<start + 12]) == [2, 8, 8, 0], "superblock version, sizes or flags")
    try require(number(start + 12, 8) == Self.base, "base address")
    try require(isUndefined(start + 20), "superblock extension")
    try require(number(start + 28, 8) == bytes.count, "end of file")
    try require(number(start + 44, 4) == Int(lookup3(bytes[start..<start + 44])), "superblock checksum")
    try walk(number(start + 36, 8) + Self.base, "")
  }

  private func require(_ condition: Bool, _ what: String) throws {
    if !condition { throw Surprise("not by the recipe: \(what)") }
  }

  private func number(_ offset: Int, _ size: Int) throws -> Int {
    try require(offset + size <= bytes.count, "an address outside the file")
    return (0..<size).reduce(0) { $0 | Int(truncatingIfNeeded: UInt64(bytes[offset + $1]) << (8 * $1)) }
  }

  private func isUndefined(_ offset: Int) -> Bool { bytes[offset..<offset + 8].allSatisfy { $0 == 0xFF } }

  private mutating func walk(_ address: Int, _ path: String) throws {
    try require(Array(bytes[address..<address + 5]) == Array("OHDR".utf8) + [2], "object header of /\(path)")
    let flags = bytes[address + 5]
    try require(flags & 0xFC == 0, "times, attribute limits or creation order in /\(path)")
    let width = 1 << Int(flags & 3)
    var offset = address + 6 + width
    let end = offset + (try number(address + 6, width))
    headers.append(address..<end + 4)
    try require(
      number(end, 4) == Int(lookup3(bytes[address..<end])), "checksum of the header of /\(path)")
    var messages: [(type: Int, start: Int, size: Int)] = []
    while end - offset >= 4 {
      let size = try number(offset + 1, 2)
      if bytes[offset] != 0 { messages.append((Int(bytes[offset]), offset + 4, size)) }
      offset += 4 + size
    }
    try require(offset <= end, "messages within the header of /\(path)")
    let types = Set(messages.map(\.type))
    if types.contains(2) {
      try require(types.isSubset(of: [2, 6, 10]), "messages \(types) of group /\(path)")
      groups.append(path)
      for message in messages where message.type == 2 {
        try require(isUndefined(message.start + 2) && isUndefined(message.start + 10), "dense links /\(path)")
      }
      for message in messages where message.type == 6 { try walkLink(message.start, path) }
    } else {
      // Dataspace, datatype, fill value, layout: no attributes (12, 21), filters (11), times (18), more
      // chunks of the header (16).
      try require(types == [1, 3, 5, 8], "messages \(types) of dataset /\(path)")
      var dataset = Dataset()
      for message in messages {
        switch message.type {
        case 1: dataset.dimensions = try dimensions(message.start, path)
        case 3: dataset.type = try type(Array(bytes[message.start..<message.start + message.size]), path)
        case 8: (dataset.isCompact, dataset.content) = try layout(message.start, path)
        default: break
        }
      }
      datasets[path] = dataset
    }
  }

  private mutating func walkLink(_ start: Int, _ path: String) throws {
    try require(bytes[start] == 1, "link version in /\(path)")
    let flags = bytes[start + 1]
    // Neither a link type (only hard links have none) nor a creation order.
    try require(flags & 0x0C == 0, "a soft or external link, or an order, in /\(path)")
    var offset = start + 2 + (flags & 0x10 != 0 ? 1 : 0)
    let width = 1 << Int(flags & 3)
    let length = try number(offset, width)
    offset += width
    let name = String(decoding: bytes[offset..<offset + length], as: UTF8.self)
    let child = try number(offset + length, 8) + Self.base
    try walk(child, path.isEmpty ? name : "\(path)/\(name)")
  }

  private func dimensions(_ start: Int, _ path: String) throws -> [Int] {
    let (version, rank, flags, kind) = (
      bytes[start], Int(bytes[start + 1]), bytes[start + 2], bytes[start + 3]
    )
    try require(version == 2 && flags <= 1, "dataspace of /\(path)")
    try require(kind == (rank == 0 ? 0 : 1), "a null or odd dataspace in /\(path)")
    let sizes = try (0..<rank).map { try number(start + 4 + 8 * $0, 8) }
    try require(sizes.allSatisfy { $0 > 0 }, "an empty array in /\(path)")
    return sizes
  }

  private func type(_ message: [UInt8], _ path: String) throws -> String {
    // Class and version, three bytes of flags, size (4), then bit offset and precision, and so on.
    let types: [String: [UInt8]] = [
      "i64": [0x10, 8, 0, 0, 8, 0, 0, 0, 0, 0, 64, 0],
      "u64": [0x10, 0, 0, 0, 8, 0, 0, 0, 0, 0, 64, 0],
      "f32": [0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0],
      "f64": [0x11, 0x20, 63, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 255, 3, 0, 0],
      // Variable-length, null-terminated, UTF-8.
      "str": [0x19, 0x01, 0x01, 0, 16, 0, 0, 0],
    ]
    for (name, prefix) in types where message.starts(with: prefix) { return name }
    throw Surprise("not by the recipe: datatype \(message) of /\(path)")
  }

  private func layout(_ start: Int, _ path: String) throws -> (isCompact: Bool, content: [UInt8]) {
    try require(bytes[start] == 3, "layout version of /\(path)")
    switch bytes[start + 1] {
    case 0:
      let size = try number(start + 2, 2)
      return (true, Array(bytes[start + 4..<start + 4 + size]))
    case 1:
      let (address, size) = (try number(start + 2, 8) + Self.base, try number(start + 10, 8))
      try require(address + size <= bytes.count, "data of /\(path) within the file")
      return (false, Array(bytes[address..<address + size]))
    default: throw Surprise("not by the recipe: layout class \(bytes[start + 1]) of /\(path)")
    }
  }

  /// The texts of a string dataset: length (4), address of a global heap (8), index in it (4) each.
  func texts(_ dataset: Dataset) throws -> [String] {
    func field(_ offset: Int, _ size: Int) -> Int {
      (0..<size).reduce(0) { $0 | Int(dataset.content[offset + $1]) << (8 * $1) }
    }
    return try stride(from: 0, to: dataset.content.count, by: 16).map { start in
      let (length, wanted) = (field(start, 4), field(start + 12, 4))
      let heap = field(start + 4, 8) + Self.base
      try require(Array(bytes[heap..<heap + 5]) == Array("GCOL".utf8) + [1], "global heap")
      let end = heap + (try number(heap + 8, 8))
      var offset = heap + 16
      while offset < end {
        let (index, size) = (try number(offset, 2), try number(offset + 8, 8))
        if index == wanted {
          return String(decoding: bytes[offset + 16..<offset + 16 + length], as: UTF8.self)
        }
        try require(index != 0, "text \(wanted) in its heap")
        offset += 16 + (size + 7) / 8 * 8
      }
      throw Surprise("text \(wanted) is not in its heap")
    }
  }
}

/// Bob Jenkins' lookup3 (hashlittle) with initial value 0, the checksum of HDF5's metadata.
func lookup3(_ key: some RandomAccessCollection<UInt8>) -> UInt32 {
  func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
  var (a, b, c) = (UInt32, UInt32, UInt32)(0, 0, 0)
  a = 0xDEAD_BEEF &+ UInt32(key.count)
  (b, c) = (a, a)
  var rest = Array(key)[...]
  func word(_ index: Int) -> UInt32 {
    (0..<4).reduce(0) { result, byte in
      let position = rest.startIndex + 4 * index + byte
      return result | (position < rest.endIndex ? UInt32(rest[position]) << (8 * UInt32(byte)) : 0)
    }
  }
  while rest.count > 12 {
    a &+= word(0)
    b &+= word(1)
    c &+= word(2)
    (a, c) = ((a &- c) ^ rotate(c, 4), c &+ b)
    (b, a) = ((b &- a) ^ rotate(a, 6), a &+ c)
    (c, b) = ((c &- b) ^ rotate(b, 8), b &+ a)
    (a, c) = ((a &- c) ^ rotate(c, 16), c &+ b)
    (b, a) = ((b &- a) ^ rotate(a, 19), a &+ c)
    (c, b) = ((c &- b) ^ rotate(b, 4), b &+ a)
    rest = rest.dropFirst(12)
  }
  guard !rest.isEmpty else { return c }
  a &+= word(0)
  b &+= word(1)
  c &+= word(2)
  c = (c ^ b) &- rotate(b, 14)
  a = (a ^ c) &- rotate(c, 11)
  b = (b ^ a) &- rotate(a, 25)
  c = (c ^ b) &- rotate(b, 16)
  a = (a ^ c) &- rotate(c, 4)
  b = (b ^ a) &- rotate(a, 14)
  c = (c ^ b) &- rotate(b, 24)
  return c
}

extension CheckpointImage {
  /// The whole image in one piece.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try file.withParts(from: 0, to: count) { parts in
      try Array(parts.joined()).withUnsafeBytes(body)
    }
  }
}
