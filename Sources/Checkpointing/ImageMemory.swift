// Files that libhdf5 has in memory, through its in-memory driver and the driver's documented image callbacks: those
// that it writes, and those that it reads. It never opens a file of the system.

import CHDF5
import Glibc

/// The memory into which a file is written, taken over when the file is closed: only then are its bytes final.
final class ImageMemory {
  private var base: UnsafeMutableRawPointer?
  private var count = 0

  /// The finished file, during `body`.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(start: base, count: count)) }
  }

  deinit { free(base) }

  /// Makes files created with this access list hand their memory to `self`, which must outlive them.
  func receive(from access: HDF5Handle) throws {
    var callbacks = H5FD_file_image_callbacks_t()
    callbacks.image_malloc = { size, _, _ in malloc(size) }
    callbacks.image_memcpy = { destination, source, size, _, _ in
      guard let destination, let source else { return nil }
      return memcpy(destination, source, size)
    }
    callbacks.image_realloc = { old, size, _, _ in realloc(old, size) }
    callbacks.image_free = { pointer, operation, owner in
      guard operation == H5FD_FILE_IMAGE_OP_FILE_CLOSE, let owner else {
        free(pointer)
        return 0
      }
      let memory = Unmanaged<ImageMemory>.fromOpaque(owner).takeUnretainedValue()
      free(memory.base)
      memory.base = pointer
      return 0
    }
    callbacks.udata_copy = { $0 }
    callbacks.udata_free = { _ in 0 }
    callbacks.udata = Unmanaged.passUnretained(self).toOpaque()
    try HDF5.check(H5Pset_file_image_callbacks(access.id, &callbacks), "H5Pset_file_image_callbacks")
  }

  /// Reads the file's length from its superblock: the driver allocates more.
  func finish() throws {
    guard let base else {
      throw HDF5Failure(function: "H5Fclose", detail: "the in-memory driver handed over no image")
    }
    count = Int(UInt64(littleEndian: base.loadUnaligned(fromByteOffset: Self.endOffset, as: UInt64.self)))
  }

  /// In a version-2 superblock: signature (8), four bytes, base address (8), extension (8), end of file.
  private static let endOffset = Envelope.size + 28
}

extension HDF5Handle {
  /// Opens a file whose bytes are in memory, for reading. They must outlive the handle, and are not copied.
  static func file(in image: UnsafeRawBufferPointer) throws -> HDF5Handle {
    let access = try propertyList(chdf5_class_file_access())
    try HDF5.check(H5Pset_fapl_core(access.id, 1 << 16, false), "H5Pset_fapl_core")
    // Wherever the library would copy the image, it gets the image itself.
    var callbacks = H5FD_file_image_callbacks_t()
    callbacks.image_malloc = { _, _, base in base }
    callbacks.image_memcpy = { target, _, _, _, _ in target }
    callbacks.image_realloc = { _, _, _, _ in nil }
    callbacks.image_free = { _, _, _ in 0 }
    callbacks.udata_copy = { $0 }
    callbacks.udata_free = { _ in 0 }
    let base = UnsafeMutableRawPointer(mutating: image.baseAddress)
    callbacks.udata = base
    try HDF5.check(H5Pset_file_image_callbacks(access.id, &callbacks), "H5Pset_file_image_callbacks")
    try HDF5.check(H5Pset_file_image(access.id, base, image.count), "H5Pset_file_image")
    return try HDF5Handle(H5Fopen(HDF5.noFile, chdf5_read_only(), access.id), "H5Fopen", close: H5Fclose)
  }
}
