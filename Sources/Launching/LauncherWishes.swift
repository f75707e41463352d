// What the launcher wants of a running job, as lines on standard input, which mpirun passes on to rank 0. A signal
// would end a rank that has not installed its handler yet; a line waits until somebody reads it.

import Glibc
import Platform

/// A wish of the launcher's.
enum LauncherWish: String {
  /// Save and go on.
  case checkpoint
  /// Save and stop.
  case stop
  /// Do not wait for the step in hand.
  case end
}

extension Launcher {
  /// Turns the launcher's lines into requests of this rank, from now on.
  ///
  /// Only for the rank whose standard input mpirun feeds, which is rank 0, and only in a job that `Launcher.run`
  /// started: anyone else's standard input is not ours to read.
  /// - Parameter end: ends this rank at once.
  /// - Throws: `RuntimeFailure` if the system gives no thread.
  public static func listen(end: @escaping @Sendable () -> Never) throws {
    guard isAbove else { return }
    _ = try BackgroundThread(name: "wishes") {
      let input = FileDescriptor(owning: STDIN_FILENO)
      var lines = LineSplitter()
      while let bytes = try? input.readSome(upTo: 4096, until: .infinity), !bytes.isEmpty {
        for word in lines.take(bytes) {
          switch LauncherWish(rawValue: word) {
          case .checkpoint: SignalRequests.add(.checkpoint)
          case .stop: SignalRequests.add([.checkpoint, .stop])
          case .end: end()
          case nil: break
          }
        }
      }
    }
  }
}
