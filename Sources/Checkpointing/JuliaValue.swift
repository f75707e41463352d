// What JLD2 stores for Julia objects, as far as MicroGPT.jl's checkpoints need it: records, references,
// dictionaries, whole numbers, text. Not a JLD2 reader: it tells types by their HDF5 shape alone.

import CHDF5
import Platform

indirect enum JuliaValue {
  case integer(Int)
  case text(String)
  /// Address of another object in the file; 0 is Julia's "nothing there".
  case reference(UInt64)
  /// A struct, a named tuple or a pair, stored in place.
  case record([String: JuliaValue])
  case list([JuliaValue])
  /// Anything else: weights, booleans, types. Nothing here asks for it by value.
  case other
}

/// Follows references inside one file.
struct JuliaObjects {
  let reader: CheckpointReader
  /// No path from a root object to a value is longer; stops at cycles.
  private static let deepest = 16
  /// The largest list is the alphabet.
  private static let longestList = 1 << 21
  private static let largestElement = 1 << 16

  func value(at path: String) throws -> JuliaValue {
    try value(of: reader.open(path), path)
  }

  /// The value at the end of a chain of references.
  func resolve(_ value: JuliaValue?, _ name: String) throws -> JuliaValue {
    guard var value else { throw InvalidInput("\(name) is missing") }
    for _ in 0..<Self.deepest {
      guard case .reference(let address) = value else { return value }
      value = try self.value(of: reader.open(at: address, name), name)
    }
    throw InvalidInput("\(name) is nested too deeply")
  }

  /// The elements of a vector or a tuple.
  func list(_ value: JuliaValue?, _ name: String) throws -> [JuliaValue] {
    switch try resolve(value, name) {
    case .list(let elements): return elements
    case .record(let members):
      // A tuple's members are named by their position.
      return try (0..<members.count).map { index in
        guard let element = members[String(index + 1)] else { throw InvalidInput("\(name) is not a list") }
        return element
      }
    default: throw InvalidInput("\(name) is not a list")
    }
  }

  func record(_ value: JuliaValue?, _ name: String) throws -> [String: JuliaValue] {
    guard case .record(let members) = try resolve(value, name) else {
      throw InvalidInput("\(name) is not a record")
    }
    return members
  }

  /// The pairs of a dictionary, which JLD2 stores as a vector of pairs behind the member `kvvec`.
  func pairs(_ value: JuliaValue?, _ name: String) throws -> [(key: JuliaValue, value: JuliaValue)] {
    let members = try record(value, name)
    guard let stored = members["kvvec"] else {
      // A named tuple will do as well.
      return members.map { (.text($0.key), $0.value) }
    }
    return try list(stored, name).map { pair in
      let pair = try record(pair, "a pair of \(name)")
      return (try resolve(pair["first"], "a key of \(name)"), pair["second"] ?? .other)
    }
  }

  /// A dictionary whose keys are text.
  func dictionary(_ value: JuliaValue?, _ name: String) throws -> [String: JuliaValue] {
    var dictionary: [String: JuliaValue] = [:]
    for case (.text(let key), let value) in try pairs(value, name) { dictionary[key] = value }
    return dictionary
  }

  private func value(of dataset: HDF5Handle, _ name: String) throws -> JuliaValue {
    let fileType = try HDF5Handle(H5Dget_type(dataset.id), "H5Dget_type of \(name)", close: H5Tclose)
    guard H5Tget_class(fileType.id) != H5T_FLOAT else { return .other }
    let dimensions = try CheckpointReader.dimensions(dataset, name)
    let count = dimensions.first ?? 1
    guard dimensions.count <= 1, (0...Self.longestList).contains(count) else {
      throw InvalidInput("\(name) has shape \(CheckpointReader.shape(dimensions))")
    }
    let type = try HDF5Handle(
      H5Tget_native_type(fileType.id, H5T_DIR_DEFAULT), "H5Tget_native_type of \(name)", close: H5Tclose)
    let size = H5Tget_size(type.id)
    guard (1...Self.largestElement).contains(size), count <= (1 << 28) / size else {
      throw InvalidInput("\(name) has elements of \(size) bytes")
    }
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, size * count), alignment: 16)
    defer { bytes.deallocate() }
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    try HDF5.check(H5Dread(dataset.id, type.id, 0, 0, 0, bytes.baseAddress), "H5Dread of \(name)")
    let space = try HDF5Handle(H5Dget_space(dataset.id), "H5Dget_space of \(name)", close: H5Sclose)
    defer { _ = H5Dvlen_reclaim(type.id, space.id, 0, bytes.baseAddress) }
    let elements = try (0..<count).map {
      try Self.decode(UnsafeRawBufferPointer(rebasing: bytes[$0 * size..<($0 + 1) * size]), type, depth: 0)
    }
    return dimensions.isEmpty ? elements[0] : .list(elements)
  }

  /// Decodes one element in memory layout.
  private static func decode(
    _ bytes: UnsafeRawBufferPointer, _ type: HDF5Handle, depth: Int
  ) throws -> JuliaValue {
    switch H5Tget_class(type.id) {
    case H5T_INTEGER: return integer(bytes, isSigned: H5Tget_sign(type.id) != H5T_SGN_NONE)
    case H5T_REFERENCE where bytes.count == 8: return .reference(bytes.loadUnaligned(as: UInt64.self))
    case H5T_STRING: return try text(bytes, isVariable: H5Tis_variable_str(type.id) > 0)
    case H5T_COMPOUND where depth < deepest:
      var members: [String: JuliaValue] = [:]
      let count = try HDF5.check(H5Tget_nmembers(type.id), "H5Tget_nmembers")
      for index in 0..<UInt32(count) {
        guard let rawName = H5Tget_member_name(type.id, index) else { continue }
        defer { _ = H5free_memory(rawName) }
        let member = try HDF5Handle(
          H5Tget_member_type(type.id, index), "H5Tget_member_type", close: H5Tclose)
        let start = H5Tget_member_offset(type.id, index)
        let size = H5Tget_size(member.id)
        guard start <= bytes.count, size <= bytes.count - start else {
          throw InvalidInput("a record has members outside itself")
        }
        members[String(cString: rawName)] = try decode(
          UnsafeRawBufferPointer(rebasing: bytes[start..<start + size]), member, depth: depth + 1)
      }
      return .record(members)
    default: return .other
    }
  }

  private static func integer(_ bytes: UnsafeRawBufferPointer, isSigned: Bool) -> JuliaValue {
    switch (bytes.count, isSigned) {
    case (1, true): .integer(Int(bytes.loadUnaligned(as: Int8.self)))
    case (1, false): .integer(Int(bytes.loadUnaligned(as: UInt8.self)))
    case (2, true): .integer(Int(bytes.loadUnaligned(as: Int16.self)))
    case (2, false): .integer(Int(bytes.loadUnaligned(as: UInt16.self)))
    case (4, true): .integer(Int(bytes.loadUnaligned(as: Int32.self)))
    case (4, false): .integer(Int(bytes.loadUnaligned(as: UInt32.self)))
    case (8, true): .integer(bytes.loadUnaligned(as: Int.self))
    case (8, false): .integer(Int(clamping: bytes.loadUnaligned(as: UInt64.self)))
    default: .other
    }
  }

  private static func text(_ bytes: UnsafeRawBufferPointer, isVariable: Bool) throws -> JuliaValue {
    if isVariable {
      guard let start = bytes.loadUnaligned(as: UnsafePointer<CChar>?.self) else { return .text("") }
      return String(validatingCString: start).map { .text($0) } ?? .other
    }
    return String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self).map { .text($0) } ?? .other
  }
}
