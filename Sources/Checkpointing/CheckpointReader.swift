// Parses a checkpoint with libhdf5, in this process. libhdf5 1.10 can crash on hostile bytes, so this runs
// only in the contained child process or on bytes that this process has just made. See ContainedReader.

import CHDF5
import Platform
import GPTModel
import TrainingState

/// An open checkpoint in our format or MicroGPT.jl's.
struct CheckpointReader {
  private let file: HDF5Handle
  /// Bytes of the whole file.
  let fileSize: Int

  /// - Parameter image: the bytes of the file, its envelope included.
  /// - Throws: `HDF5Failure` or `InvalidInput`, whose messages do not name the file.
  static func snapshot(in image: UnsafeRawBufferPointer) throws -> TrainingSnapshot {
    try with(ImageFile(image), size: image.count) { reader in
      try reader.has("format") ? reader.snapshot() : JuliaCheckpoint(reader: reader).snapshot()
    }
  }

  /// Checks everything about a file in our format except its floats.
  static func checkStructure(in image: ImageFile, size: Int) throws {
    try with(image, size: size) { reader in _ = try reader.outline() }
  }

  private static func with<Result>(
    _ image: ImageFile, size: Int, _ body: (CheckpointReader) throws -> Result
  ) throws -> Result {
    try withExtendedLifetime(image) {
      try HDF5.session {
        try body(CheckpointReader(file: HDF5Handle.file(in: image), fileSize: size))
      }
    }
  }

  /// What a file says before its tensors are read; their shapes have been checked.
  private struct Outline {
    let model: CheckpointSchema.Model
    let table: ParameterTable
  }

  private func outline() throws -> Outline {
    var values: [String: StateValue] = [:]
    // Version and features come first: a newer format may not have what follows.
    for field in CheckpointSchema.modelFields.prefix(3) where try field.isRequired || has(field.path) {
      values[field.path] = try value(field.path, field.kind)
    }
    try CheckpointSchema.checkVersion(values)
    for field in CheckpointSchema.modelFields.dropFirst(3) where try field.isRequired || has(field.path) {
      values[field.path] = try value(field.path, field.kind)
    }
    if try has(CheckpointSchema.trainingMark) {
      for field in TrainingState.fields where try values[field.path] == nil && has(field.path) {
        values[field.path] = try value(field.path, field.kind)
      }
    }
    let model = try CheckpointSchema.model(from: values)
    let table = ParameterTable(model.configuration)
    let roots = [CheckpointSchema.weightsRoot] + model.momentRoots
    try CheckpointSchema.checkSize(table, sets: roots.count, fileSize: fileSize)
    for root in roots {
      for entry in table.entries {
        try checkTensor(CheckpointSchema.tensorPath(root, entry), entry.rows, entry.columns)
      }
    }
    return Outline(model: model, table: table)
  }

  private func snapshot() throws -> TrainingSnapshot {
    let outline = try outline()
    let snapshot = CheckpointSchema.emptySnapshot(outline.model, outline.table)
    for tensor in CheckpointSchema.tensors(of: snapshot, outline.table) {
      let dataset = try open(tensor.path)
      try HDF5.check(
        H5Dread(dataset.id, chdf5_native_float(), 0, 0, 0, tensor.base), "H5Dread /\(tensor.path)")
    }
    return snapshot
  }

  /// Whether a dataset or group exists. Links to elsewhere count as absent.
  func has(_ path: String) throws -> Bool {
    var prefix = ""
    for name in path.split(separator: "/") {
      prefix += prefix.isEmpty ? String(name) : "/\(name)"
      guard try HDF5.check(H5Lexists(file.id, prefix, 0), "H5Lexists /\(prefix)") > 0 else { return false }
      var info = H5L_info_t()
      try HDF5.check(H5Lget_info(file.id, prefix, &info, 0), "H5Lget_info /\(prefix)")
      // A soft or external link could lead to another of the user's files.
      guard info.type == H5L_TYPE_HARD else { return false }
    }
    return true
  }

  func open(_ path: String) throws -> HDF5Handle {
    guard try has(path) else { throw InvalidInput("/\(path) is missing") }
    return try admitted(H5Oopen(file.id, path, 0), "H5Oopen", "/\(path)")
  }

  /// The dataset at an address that Julia stores as a reference.
  func open(at address: UInt64, _ name: String) throws -> HDF5Handle {
    guard address != 0 else { throw InvalidInput("\(name) is missing") }
    var address = address
    return try admitted(
      H5Rdereference2(file.id, 0, H5R_OBJECT, &address), "H5Rdereference2", name)
  }

  /// The one door for objects. Data that lives in other files is refused: a checkpoint must not read the user's
  /// other files.
  private func admitted(_ object: hid_t, _ function: String, _ name: String) throws -> HDF5Handle {
    let object = try HDF5Handle(object, "\(function) of \(name)", close: H5Oclose)
    guard H5Iget_type(object.id) == H5I_DATASET else { throw InvalidInput("\(name) is not a dataset") }
    let creation = try HDF5Handle(
      H5Dget_create_plist(object.id), "H5Dget_create_plist of \(name)", close: H5Pclose)
    let layout = H5Pget_layout(creation.id)
    guard layout != H5D_VIRTUAL, layout != H5D_LAYOUT_ERROR, H5Pget_external_count(creation.id) == 0 else {
      throw InvalidInput("\(name) keeps its data in another file, which is not allowed")
    }
    return object
  }

  private func checkTensor(_ path: String, _ rows: Int, _ columns: Int) throws {
    let dataset = try open(path)
    let dimensions = try Self.dimensions(dataset, path)
    guard dimensions == [rows, columns] else {
      throw InvalidInput(
        "/\(path) has shape \(Self.shape(dimensions)), but the sizes in /config ask for \(rows)×\(columns)")
    }
    guard try Self.typeClass(dataset, path) == H5T_FLOAT else {
      throw InvalidInput("/\(path) does not hold floating-point numbers")
    }
  }

  static func shape(_ dimensions: [Int]) -> String {
    dimensions.isEmpty ? "of a single number" : dimensions.map(String.init).joined(separator: "×")
  }

  /// Row-major; empty for a scalar.
  static func dimensions(_ dataset: HDF5Handle, _ path: String) throws -> [Int] {
    let space = try HDF5Handle(H5Dget_space(dataset.id), "H5Dget_space /\(path)", close: H5Sclose)
    let rank = try HDF5.check(H5Sget_simple_extent_ndims(space.id), "H5Sget_simple_extent_ndims /\(path)")
    guard rank <= 2, H5Sget_simple_extent_type(space.id) != H5S_NULL else {
      throw InvalidInput("/\(path) has \(rank) dimensions or no content")
    }
    var sizes = [hsize_t](repeating: 0, count: Int(rank))
    try HDF5.check(
      H5Sget_simple_extent_dims(space.id, &sizes, nil), "H5Sget_simple_extent_dims /\(path)")
    return sizes.map { Int(clamping: $0) }
  }

  static func typeClass(_ dataset: HDF5Handle, _ path: String) throws -> H5T_class_t {
    let type = try HDF5Handle(H5Dget_type(dataset.id), "H5Dget_type /\(path)", close: H5Tclose)
    return H5Tget_class(type.id)
  }
}
