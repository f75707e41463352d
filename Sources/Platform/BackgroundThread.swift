// The one way to start a thread outside the computation (compute threads belong to `ThreadTeam`).

import CPlatform
import Glibc

/// A thread with all signals blocked, which leaves them to the main thread.
public final class BackgroundThread: @unchecked Sendable {
  private final class Start: @unchecked Sendable {
    let name: String
    let niceness: Int32
    let writesToTerminal: Bool
    let body: @Sendable () -> Void
    init(_ name: String, _ niceness: Int32, _ writesToTerminal: Bool, _ body: @escaping @Sendable () -> Void)
    {
      self.name = name
      self.niceness = niceness
      self.writesToTerminal = writesToTerminal
      self.body = body
    }
  }

  private var thread = pthread_t()

  /// - Parameters:
  ///   - name: what debuggers show, at most 15 bytes; also names the thread in the error.
  ///   - niceness: for this thread alone, 0 to 19.
  ///   - writesToTerminal: lets SIGTTOU through, by which a terminal (`stty tostop`) stops jobs in the background.
  /// - Throws: `RuntimeFailure` if the system cannot start a thread.
  public init(
    name: String, niceness: Int32 = 0, writesToTerminal: Bool = false, _ body: @escaping @Sendable () -> Void
  ) throws {
    // A new thread inherits the mask of the one that starts it.
    var all = sigset_t()
    var previous = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
    let context = Unmanaged.passRetained(Start(name, niceness, writesToTerminal, body))
    let code = pthread_create(
      &thread, nil,
      { context in
        let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
        platform_name_thread(start.name)
        // On Linux, priority is per thread.
        if start.niceness > 0 {
          _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, start.niceness)
        }
        if start.writesToTerminal {
          var refusal = sigset_t()
          sigemptyset(&refusal)
          sigaddset(&refusal, SIGTTOU)
          pthread_sigmask(SIG_UNBLOCK, &refusal, nil)
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
