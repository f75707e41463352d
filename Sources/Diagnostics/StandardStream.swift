// Lines on standard output and standard error that a full disk or a closed pipe cannot turn into a crash, as
// Foundation's FileHandle would.

import Foundation
import Synchronization

public enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  private static let hasFailed = Atomic<Bool>(false)

  /// Writes a line at once and in one piece, so that lines of several processes do not mix. Where that is not
  /// possible the line is lost, which the first time is said on standard error.
  public func line(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { write(rawValue, $0.baseAddress! + done, $0.count - done) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      done += count
    }
    guard done < bytes.count, self == .output else { return }
    let cause = String(cString: strerror(errno))
    if !Self.hasFailed.exchange(true, ordering: .relaxed) {
      Self.error.line("warning: standard output takes no more lines: \(cause); the program goes on without")
    }
  }
}
