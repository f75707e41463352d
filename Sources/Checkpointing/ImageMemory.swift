// The memory into which libhdf5's in-memory driver writes a file, taken over through the driver's documented
// image callbacks when the file is closed: only then are its bytes final.

import CHDF5
import Glibc

final class ImageMemory {
  private var base: UnsafeMutableRawPointer?
  private var count = 0

  /// The finished file.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

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
