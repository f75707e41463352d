// libhdf5's way to an ImageFile: a driver of its own (H5FD), in place of the library's in-memory one, which holds a file
// in one piece, copies every byte into it, and doubles the memory of a save. It never opens a file of the system.

import CHDF5
import Glibc

enum ImageDriver {
  /// Makes a file of this access list `image`, which must outlive it.
  ///
  /// Inside `HDF5.session`.
  static func use(_ image: ImageFile, in access: HDF5Handle) throws {
    var pointer = Unmanaged.passUnretained(image).toOpaque()
    try HDF5.check(H5Pset_driver(access.id, try identifier(), &pointer), "H5Pset_driver")
  }

  /// Of the driver, registered with the library until it is closed.
  private static func identifier() throws -> hid_t {
    if H5Iis_valid(registered) > 0 { return registered }
    registered = try HDF5.check(H5FDregister(driver), "H5FDregister")
    return registered
  }

  /// Changed in sessions only, of which there is one at a time.
  nonisolated(unsafe) private static var registered: hid_t = -1

  /// The library keeps a pointer to it.
  nonisolated(unsafe) private static let driver: UnsafePointer<H5FD_class_t> = {
    var functions = chdf5_driver_class()
    functions.name = UnsafePointer(strdup("microgpt_image"))
    // Size and content of what an access list says of the driver: a pointer, copied like any bytes.
    functions.fapl_size = MemoryLayout<UnsafeMutableRawPointer>.size
    functions.open = { _, _, access, _ in ImageDriver.open(access) }
    functions.close = { file in
      free(file)
      return 0
    }
    functions.query = { _, flags in
      flags?.pointee = UInt(chdf5_image_features())
      return 0
    }
    functions.get_eoa = { file, _ in ImageDriver.image(of: file).allocated }
    functions.set_eoa = { file, _, end in
      ImageDriver.image(of: file).allocated = end
      return 0
    }
    functions.get_eof = { file, _ in haddr_t(ImageDriver.image(of: file).count) }
    functions.truncate = { file, _, _ in
      ImageDriver.image(of: file).extend()
      return 0
    }
    functions.read = { file, _, _, address, size, buffer in
      let image = ImageDriver.image(of: file)
      guard let end = ImageDriver.end(address, size), end <= image.allocated else { return -1 }
      image.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size), at: Int(address))
      return 0
    }
    functions.write = { file, _, _, address, size, buffer in
      let image = ImageDriver.image(of: file)
      guard let end = ImageDriver.end(address, size), end <= image.allocated else { return -1 }
      return image.write(UnsafeRawBufferPointer(start: buffer, count: size), at: Int(address)) ? 0 : -1
    }
    let memory = UnsafeMutablePointer<H5FD_class_t>.allocate(capacity: 1)
    memory.initialize(to: functions)
    return UnsafePointer(memory)
  }()

  /// The library's part of an open file, and behind it the pointer to the image.
  private static let imageOffset = MemoryLayout<H5FD_t>.stride

  private static func open(_ access: hid_t) -> UnsafeMutablePointer<H5FD_t>? {
    guard let information = H5Pget_driver_info(access),
      let memory = calloc(1, imageOffset + MemoryLayout<UnsafeMutableRawPointer>.size)
    else { return nil }
    memory.storeBytes(
      of: information.load(as: UnsafeMutableRawPointer.self), toByteOffset: imageOffset,
      as: UnsafeMutableRawPointer.self)
    return memory.bindMemory(to: H5FD_t.self, capacity: 1)
  }

  private static func image(of file: UnsafePointer<H5FD_t>?) -> ImageFile {
    guard let file else { preconditionFailure("the library calls with an open file") }
    let pointer = UnsafeRawPointer(file).load(
      fromByteOffset: imageOffset, as: UnsafeMutableRawPointer.self)
    return Unmanaged<ImageFile>.fromOpaque(pointer).takeUnretainedValue()
  }

  /// Nil for a range that no file has: hostile ones name addresses as they like.
  private static func end(_ address: haddr_t, _ size: Int) -> haddr_t? {
    let (end, overflow) = address.addingReportingOverflow(UInt(size))
    return overflow || end > UInt(Int.max) ? nil : end
  }
}

extension HDF5Handle {
  /// Opens a file that is in memory, for reading. It must outlive the handle.
  static func file(in image: ImageFile) throws -> HDF5Handle {
    let access = try propertyList(chdf5_class_file_access())
    try ImageDriver.use(image, in: access)
    return try HDF5Handle(H5Fopen(HDF5.noFile, chdf5_read_only(), access.id), "H5Fopen", close: H5Fclose)
  }
}
