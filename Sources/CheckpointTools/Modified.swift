// Which of two files is newer.

import Glibc

/// When a file was last written to.
package struct Modified: Comparable, Sendable {
  package let seconds: Int
  let nanoseconds: Int

  /// Nil if there is no file.
  package init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  package init(_ status: stat) {
    (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
  }

  package static func < (a: Modified, b: Modified) -> Bool {
    (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
  }
}
