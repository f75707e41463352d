// The one place where MPI's return codes become errors.

import COpenMPI
import Platform

enum MPIStatus {
  /// Throws `RuntimeFailure` with the function's name and the library's text unless `status` is success.
  @inline(__always)
  static func check(_ status: Int32, _ function: StaticString) throws {
    if status != MPI_SUCCESS { throw failure(status, function) }
  }

  @inline(never)
  private static func failure(_ status: Int32, _ function: StaticString) -> RuntimeFailure {
    var length: Int32 = 0
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_ERROR_STRING) + 1) {
      buffer -> String in
      guard MPI_Error_string(status, buffer.baseAddress, &length) == MPI_SUCCESS else {
        return "error \(status)"
      }
      buffer[Int(length)] = 0
      return String(cString: buffer.baseAddress!)
    }
    return RuntimeFailure("\(function) failed: \(text)")
  }
}
