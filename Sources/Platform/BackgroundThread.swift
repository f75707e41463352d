// The one way to start a thread outside the computation (compute threads belong to `ThreadTeam`).

import CPlatform
import Glibc

/// A thread with all signals blocked, which leaves them to the main thread.
public final class BackgroundThread: @unchecked Sendable {
  private final class Start: @unchecked Sendable {
    let name: String
    let niceness: Int32
    let body: @Sendable () -> Void
    init(_ name: String, _ niceness: Int32, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.niceness = niceness
      self.body = body
    }
  }

  private var thread = pthread_t()

  /// - Parameters:
  ///   - name: what debuggers show, at most 15 bytes; also names the thread in the error.
  ///   - niceness: for this thread alone, 0 to 19.
  /// - Throws: `RuntimeFailure` if the system cannot start a thread.
  public init(name: String, niceness: Int32 = 0, _ body: @escaping @Sendable () -> Void) throws {
    // A new thread inherits the mask of the one that starts it.
    var all = sigset_t()
    var previous = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
    let context = Unmanaged.passRetained(Start(name, niceness, body))
    let code = pthread_create(
      &thread, nil,
      { context in
        let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
        platform_name_thread(start.name)
        // On Linux, priority is per thread.
        if start.niceness > 0 {
          _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, start.niceness)
        }
        start.body()
        return nil
      }, context.toOpaque())
    guard code == 0 else {
      context.release()
      throw RuntimeFailure("cannot start the thread '\(name)': \(systemError(code))")
    }
  }

  /// Waits for it to end. A thread that is never joined runs until it or the process ends.
  public func join() { pthread_join(thread, nil) }
}
