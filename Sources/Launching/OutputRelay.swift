// Passes on what a child writes, as it comes. The launcher owns the terminal: what is written there, and when, is
// decided in one process.

import Glibc
import Platform
import Synchronization

/// A thread that reads one stream of a child to its end.
final class OutputRelay: Sendable {
  private let hasEnded = Mutex(false)

  /// - Parameter receive: gets each piece, and an empty one at the end.
  /// - Throws: `RuntimeFailure` if the system gives no thread.
  init(of child: ChildProcess, errors: Bool, _ receive: @escaping @Sendable ([UInt8]) -> Void) throws {
    let name = errors ? "relay of errors" : "relay of output"
    _ = try BackgroundThread(name: name, writesToTerminal: true) { [self] in
      while let bytes = try? child.readSome(fromErrors: errors, upTo: 1 << 16, until: .infinity) {
        receive(bytes)
        if bytes.isEmpty { break }
      }
      hasEnded.withLock { $0 = true }
    }
  }

  /// Waits until everything has been passed on, but not for a process that outlives the child and holds the stream, nor
  /// for a terminal that takes nothing.
  func wait(seconds: Double) {
    var clock = CappedClock()
    while clock.seconds < seconds, !hasEnded.withLock({ $0 }) {
      usleep(2_000)
      clock.tick()
    }
  }
}
