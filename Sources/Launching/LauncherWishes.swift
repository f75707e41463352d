// What the launcher wants of a running job, as lines on standard input, which mpirun passes on to rank 0. A signal
// would end a rank that has not installed its handler yet; a line waits until somebody reads it.

import Glibc
import Platform
import Synchronization

/// A wish of the launcher's.
enum LauncherWish: String {
  /// Save and go on.
  case checkpoint
  /// Save and stop.
  case stop

  var requests: SignalRequests { self == .stop ? [.checkpoint, .stop] : .checkpoint }
}

extension Launcher {
  /// Turns the launcher's lines into requests of this rank, from now on.
  ///
  /// Only for the rank whose standard input mpirun feeds, which is rank 0, and only in a job that `Launcher.run`
  /// started: anyone else's standard input is not ours to read.
  /// - Throws: `RuntimeFailure` if the system gives no thread.
  public static func listen() throws {
    guard isAbove else { return }
    _ = try BackgroundThread(name: "wishes") {
      let input = FileDescriptor(owning: STDIN_FILENO)
      var unread: [UInt8] = []
      while let bytes = try? input.readSome(upTo: 4096, until: .infinity), !bytes.isEmpty {
        unread += bytes
        while let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
          let word = String(decoding: unread[..<end], as: UTF8.self)
          unread.removeSubrange(...end)
          if let wish = LauncherWish(rawValue: word) { SignalRequests.add(wish.requests) }
        }
      }
    }
  }
}
