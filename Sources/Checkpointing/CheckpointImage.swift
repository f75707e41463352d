// A snapshot as the bytes of an HDF5 file, laid out as JLD2.jl's reader requires. In memory only: libhdf5
// never touches the disk here, because once a disk is full it can neither close its file nor forget it.

import CHDF5
import GPTModel
import TrainingState

struct CheckpointImage {
  let file: ImageFile
  /// Bytes of the file, its envelope included.
  let count: Int

  /// Datasets below this many bytes live in their object header. JLD2 requires the others to be contiguous.
  private static let compactLimit = 8192

  /// The file image of a snapshot: 512 zero bytes for the envelope, then HDF5 starting with its superblock.
  ///
  /// The same snapshot gives the same bytes.
  static func make(_ snapshot: TrainingSnapshot) throws -> CheckpointImage {
    try CheckpointImage(
      CheckpointSchema.values(of: snapshot),
      CheckpointSchema.tensors(of: snapshot, ParameterTable(snapshot.configuration)))
  }

  /// - Parameter tensors: the image refers to their memory, which must not change while it is used.
  init(_ values: [(path: String, value: StateValue)], _ tensors: [CheckpointTensor]) throws {
    let file = ImageFile(lenders: tensors.map { UnsafeRawBufferPointer($0.bytes) })
    try HDF5.session {
      let access = try HDF5Handle.propertyList(chdf5_class_file_access())
      try HDF5.check(H5Pset_libver_bounds(access.id, H5F_LIBVER_V18, H5F_LIBVER_V18), "H5Pset_libver_bounds")
      try ImageDriver.use(file, in: access)

      let groups = GroupTree(paths: values.map(\.path) + tensors.map(\.path))
      let creation = try HDF5Handle.propertyList(chdf5_class_file_create())
      try HDF5.check(H5Pset_userblock(creation.id, UInt64(Envelope.size)), "H5Pset_userblock")
      try groups.apply(to: creation, group: "")
      let handle = try HDF5.check(
        H5Fcreate(HDF5.noFile, chdf5_truncate(), creation.id, access.id), "H5Fcreate")
      do {
        try Self.write(values, tensors, groups, to: handle)
      } catch {
        _ = H5Fclose(handle)
        throw error
      }
      try HDF5.check(H5Fclose(handle), "H5Fclose")
    }
    self.file = file
    var end: UInt64 = 0
    withUnsafeMutableBytes(of: &end) { file.read(into: $0, at: Self.endOffset) }
    count = Int(UInt64(littleEndian: end))
  }

  /// In a version-2 superblock: signature (8), four bytes, base address (8), extension (8), end of file.
  private static let endOffset = Envelope.size + 28

  /// The bytes from the superblock on, in order, during `body`. The floats are those of the snapshot, not copies.
  func withBody<Result>(_ body: ([UnsafeRawBufferPointer]) throws -> Result) rethrows -> Result {
    try file.withParts(from: Envelope.size, to: count, body)
  }

  private static func write(
    _ values: [(path: String, value: StateValue)], _ tensors: [CheckpointTensor], _ groups: GroupTree,
    to file: hid_t
  ) throws {
    for group in groups.groups where !group.isEmpty {
      let properties = try HDF5Handle.propertyList(chdf5_class_group_create())
      try groups.apply(to: properties, group: group)
      _ = try HDF5Handle(
        H5Gcreate2(file, group, 0, properties.id, 0), "H5Gcreate2 /\(group)", close: H5Gclose)
    }
    for (path, value) in values { try write(value, to: path, in: file) }
    for tensor in tensors {
      try write(
        UnsafeRawBufferPointer(tensor.bytes), memoryType: chdf5_native_float(), fileType: chdf5_f32le(),
        dimensions: [tensor.rows, tensor.columns], to: tensor.path, in: file)
    }
  }

  private static func write(_ value: StateValue, to path: String, in file: hid_t) throws {
    func write<Element>(_ elements: [Element], _ memory: hid_t, _ type: hid_t, isScalar: Bool) throws {
      try elements.withUnsafeBytes {
        try self.write(
          $0, memoryType: memory, fileType: type, dimensions: isScalar ? [] : [elements.count], to: path,
          in: file)
      }
    }
    func write(_ texts: [String], isScalar: Bool) throws {
      let type = try HDF5Handle.stringType()
      var storage = ContiguousArray<CChar>()
      var starts: [Int] = []
      for text in texts {
        starts.append(storage.count)
        storage.append(contentsOf: text.utf8CString)
      }
      try storage.withUnsafeBufferPointer { storage in
        try write(starts.map { storage.baseAddress! + $0 }, type.id, type.id, isScalar: isScalar)
      }
    }
    switch value {
    case .integer(let value): try write([value], chdf5_native_i64(), chdf5_i64le(), isScalar: true)
    case .integers(let values): try write(values, chdf5_native_i64(), chdf5_i64le(), isScalar: false)
    case .unsignedIntegers(let values):
      try write(values, chdf5_native_u64(), chdf5_u64le(), isScalar: false)
    case .real(let value): try write([value], chdf5_native_double(), chdf5_f64le(), isScalar: true)
    case .floats(let values): try write(values, chdf5_native_float(), chdf5_f32le(), isScalar: false)
    case .string(let text): try write([text], isScalar: true)
    case .strings(let texts): try write(texts, isScalar: false)
    }
  }

  /// - Parameter dimensions: row-major; none for a scalar.
  private static func write(
    _ bytes: UnsafeRawBufferPointer, memoryType: hid_t, fileType: hid_t, dimensions: [Int],
    to path: String, in file: hid_t
  ) throws {
    let space = try HDF5Handle(
      dimensions.isEmpty
        ? H5Screate(H5S_SCALAR)
        : H5Screate_simple(Int32(dimensions.count), dimensions.map { hsize_t($0) }, nil),
      "H5Screate", close: H5Sclose)
    let creation = try HDF5Handle.propertyList(chdf5_class_dataset_create())
    let isCompact = dimensions.reduce(H5Tget_size(fileType), { $0 * $1 }) < compactLimit
    try HDF5.check(H5Pset_layout(creation.id, isCompact ? H5D_COMPACT : H5D_CONTIGUOUS), "H5Pset_layout")
    try HDF5.check(H5Pset_alloc_time(creation.id, H5D_ALLOC_TIME_EARLY), "H5Pset_alloc_time")
    if H5Tis_variable_str(fileType) == 0 {
      // libhdf5 insists on filling variable-length data.
      try HDF5.check(H5Pset_fill_time(creation.id, H5D_FILL_TIME_NEVER), "H5Pset_fill_time")
    }
    try HDF5.check(H5Pset_obj_track_times(creation.id, false), "H5Pset_obj_track_times")
    // No room for attributes, which JLD2 would ignore: that cuts headers to a third.
    try HDF5.check(H5Pset_dset_no_attrs_hint(creation.id, true), "H5Pset_dset_no_attrs_hint")
    let dataset = try HDF5Handle(
      H5Dcreate2(file, path, fileType, space.id, 0, creation.id, 0), "H5Dcreate2 /\(path)",
      close: H5Dclose)
    try HDF5.check(H5Dwrite(dataset.id, memoryType, 0, 0, 0, bytes.baseAddress), "H5Dwrite /\(path)")
  }
}
