// Reads the small values. Tolerant of how other programs store them (numbers of any width, fixed-length
// strings), strict about what they are.

import CHDF5
import Platform
import TrainingState

extension CheckpointReader {
  /// Longest array other than a tensor: the loss of every step, which older files hold.
  static let longestArray = 1 << 26

  func value(_ path: String, _ kind: StateValue.Kind) throws -> StateValue {
    let dataset = try open(path)
    let dimensions = try Self.dimensions(dataset, path)
    let isArray = [.integers, .unsignedIntegers, .floats, .strings].contains(kind)
    let count = dimensions.first ?? 1
    guard dimensions.count <= 1, isArray || count == 1, (0...Self.longestArray).contains(count) else {
      throw InvalidInput(
        "/\(path) has shape \(Self.shape(dimensions)), where \(isArray ? "a list" : "one value") belongs")
    }
    func read<Element: BitwiseCopyable>(
      _ zero: Element, _ type: hid_t, _ allowed: [H5T_class_t]
    ) throws -> [Element] {
      guard try allowed.contains(Self.typeClass(dataset, path)) else {
        throw InvalidInput("/\(path) is not \(kind.words)")
      }
      var elements = [Element](repeating: zero, count: count)
      _ = try elements.withUnsafeMutableBytes {
        try HDF5.check(H5Dread(dataset.id, type, 0, 0, 0, $0.baseAddress), "H5Dread /\(path)")
      }
      return elements
    }
    switch kind {
    case .integer: return .integer(try read(0, chdf5_native_i64(), [H5T_INTEGER])[0])
    case .integers: return .integers(try read(0, chdf5_native_i64(), [H5T_INTEGER]))
    case .unsignedIntegers:
      return .unsignedIntegers(try read(0, chdf5_native_u64(), [H5T_INTEGER]))
    case .real: return .real(try read(0, chdf5_native_double(), [H5T_FLOAT, H5T_INTEGER])[0])
    case .floats: return .floats(try read(0, chdf5_native_float(), [H5T_FLOAT]))
    case .string: return .string(try Self.strings(dataset, count, path)[0])
    case .strings: return .strings(try Self.strings(dataset, count, path))
    }
  }

  /// UTF-8 strings of variable or fixed length.
  static func strings(_ dataset: HDF5Handle, _ count: Int, _ path: String) throws -> [String] {
    let type = try HDF5Handle(H5Dget_type(dataset.id), "H5Dget_type /\(path)", close: H5Tclose)
    guard H5Tget_class(type.id) == H5T_STRING else { throw InvalidInput("/\(path) is not text") }
    if try HDF5.check(H5Tis_variable_str(type.id), "H5Tis_variable_str /\(path)") == 0 {
      return try fixedStrings(dataset, type, count, path)
    }
    let memory = try HDF5Handle.stringType()
    try HDF5.check(H5Tset_cset(memory.id, H5Tget_cset(type.id)), "H5Tset_cset /\(path)")
    var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
    try HDF5.check(H5Dread(dataset.id, memory.id, 0, 0, 0, &pointers), "H5Dread /\(path)")
    defer {
      if let space = try? HDF5Handle(H5Dget_space(dataset.id), "H5Dget_space", close: H5Sclose) {
        _ = H5Dvlen_reclaim(memory.id, space.id, 0, &pointers)
      }
    }
    return try pointers.map { pointer in
      guard let pointer, let text = String(validatingCString: pointer),
        text.utf8.count <= StateField.longestText
      else {
        throw InvalidInput("/\(path) holds text that is missing, too long or not UTF-8")
      }
      return text
    }
  }

  private static func fixedStrings(
    _ dataset: HDF5Handle, _ type: HDF5Handle, _ count: Int, _ path: String
  ) throws -> [String] {
    let size = H5Tget_size(type.id)
    guard (1...StateField.longestText).contains(size), count <= longestArray / size else {
      throw InvalidInput("/\(path) holds text of \(size) bytes, which is too long")
    }
    var bytes = [UInt8](repeating: 0, count: size * count)
    try HDF5.check(H5Dread(dataset.id, type.id, 0, 0, 0, &bytes), "H5Dread /\(path)")
    return try (0..<count).map { index in
      let field = bytes[index * size..<(index + 1) * size]
      guard let text = String(validating: field.prefix { $0 != 0 }, as: UTF8.self) else {
        throw InvalidInput("/\(path) holds text that is not UTF-8")
      }
      return text
    }
  }
}

extension StateValue.Kind {
  fileprivate var words: String {
    switch self {
    case .integer, .integers, .unsignedIntegers: "made of whole numbers"
    case .real, .floats: "made of numbers"
    case .string, .strings: "text"
    }
  }
}
