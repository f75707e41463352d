// Thin, throwing access to libhdf5: one lock, one status check, handles that close themselves. Not a general
// binding: only what checkpoints need.

import CHDF5
import Synchronization

/// A call into libhdf5 that failed: which one, and what the library says about it.
struct HDF5Failure: Error, CustomStringConvertible {
  let function: String
  let detail: String
  var description: String { "\(function): \(detail)" }
}

enum HDF5 {
  /// `1.10.8`
  static var version: String {
    var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
    return H5get_libversion(&major, &minor, &release) < 0 ? "unknown" : "\(major).\(minor).\(release)"
  }

  /// Debian's libhdf5 is one big critical section at best and not thread-safe at worst.
  private static let library = Mutex(())

  /// The name of files that are only in memory: no file of the system can have it.
  static let noFile = "/dev/null/checkpoint"

  /// Runs `body` as the only user of the library, with its error printing off and no filter plug-ins: a file
  /// must not make us load code.
  static func session<Result>(_ body: () throws -> Result) throws -> Result {
    try library.withLock { _ in
      try check(H5open(), "H5open")
      try check(H5Eset_auto2(0, nil, nil), "H5Eset_auto2")
      try check(H5PLset_loading_state(0), "H5PLset_loading_state")
      return try body()
    }
  }

  /// Returns what a function returned; throws if it is negative, HDF5's sign of failure.
  @discardableResult
  static func check<Status: SignedInteger>(_ status: Status, _ function: String) throws -> Status {
    guard status >= 0 else { throw HDF5Failure(function: function, detail: takeErrorText()) }
    return status
  }

  /// The innermost cause and the outermost consequence on the library's error stack, which is emptied.
  private static func takeErrorText() -> String {
    var causes: [String] = []
    withUnsafeMutablePointer(to: &causes) { causes in
      _ = H5Ewalk2(
        0, H5E_WALK_UPWARD,
        { _, entry, context in
          if let text = entry?.pointee.desc {
            context!.assumingMemoryBound(to: [String].self).pointee.append(String(cString: text))
          }
          return 0
        }, causes)
    }
    _ = H5Eclear2(0)
    guard let cause = causes.first else { return "failed without an explanation" }
    guard let consequence = causes.last, consequence != cause else { return cause }
    return "\(consequence) (\(cause))"
  }
}

/// An open HDF5 object, closed with its last reference.
final class HDF5Handle {
  let id: hid_t
  private let close: (hid_t) -> herr_t

  /// - Parameter function: the call that returned `id`, for the error.
  init(_ id: hid_t, _ function: String, close: @escaping (hid_t) -> herr_t) throws {
    self.id = try HDF5.check(id, function)
    self.close = close
  }

  deinit {
    // A failed close of a read-only or in-memory object loses nothing.
    if close(id) < 0 { _ = H5Eclear2(0) }
  }
}

extension HDF5Handle {
  static func propertyList(_ kind: hid_t) throws -> HDF5Handle {
    try HDF5Handle(H5Pcreate(kind), "H5Pcreate", close: H5Pclose)
  }

  /// Variable-length UTF-8, in files and in memory.
  static func stringType() throws -> HDF5Handle {
    let type = try HDF5Handle(H5Tcopy(chdf5_c_string()), "H5Tcopy", close: H5Tclose)
    try HDF5.check(H5Tset_size(type.id, chdf5_variable_length()), "H5Tset_size")
    try HDF5.check(H5Tset_cset(type.id, H5T_CSET_UTF8), "H5Tset_cset")
    return type
  }
}
