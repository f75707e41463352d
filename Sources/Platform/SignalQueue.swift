// Signals as values, for a process that waits for them. Handlers, not a blocked mask: a library may have started
// threads before `main` whose masks are open, and the system gives a signal to any thread that takes it.

import Glibc
import Synchronization

/// Takes signals from its making to its `close`, in the order of their arrival; none of them ends the process.
public final class SignalQueue {
  /// Where handlers write; -1 while there is no queue.
  private static let writer = Atomic<Int32>(-1)

  private let reading: FileDescriptor
  private let writing: FileDescriptor
  private var previous: [(signal: Int32, action: sigaction)] = []

  /// - Parameter signals: one that is ignored stays ignored, if it is SIGHUP (nohup) or a stop of the terminal's.
  /// - Throws: `RuntimeFailure` if the system gives no pipe.
  public init(_ signals: [Int32]) throws {
    let pipe = try ChildProcess.makePipe()
    reading = FileDescriptor(owning: pipe.reading)
    writing = FileDescriptor(owning: pipe.writing)
    for end in [pipe.reading, pipe.writing] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    precondition(
      Self.writer.exchange(pipe.writing, ordering: .sequentiallyConsistent) == -1, "one queue at a time")
    for signal in signals {
      var old = sigaction()
      sigaction(signal, nil, &old)
      if [SIGHUP, SIGTSTP, SIGTTOU].contains(signal), old.isIgnoring { continue }
      var new = sigaction()
      new.__sigaction_handler.sa_handler = { signal in
        let error = errno
        var byte = UInt8(truncatingIfNeeded: signal)
        _ = write(SignalQueue.writer.load(ordering: .relaxed), &byte, 1)
        errno = error
      }
      new.sa_flags = SA_RESTART
      sigaction(signal, &new, nil)
      previous.append((signal, old))
    }
  }

  /// The next signal; nil if there is none within `seconds`.
  public func next(within seconds: Double) -> Int32? {
    var byte: UInt8 = 0
    if read(reading.raw, &byte, 1) == 1 { return Int32(byte) }
    var request = pollfd(fd: reading.raw, events: Int16(POLLIN), revents: 0)
    _ = poll(&request, 1, Int32(seconds * 1000))
    return read(reading.raw, &byte, 1) == 1 ? Int32(byte) : nil
  }

  /// Gives the signals back to whoever had them. What has arrived by then is forgotten.
  public func close() {
    for (signal, action) in previous {
      var action = action
      sigaction(signal, &action, nil)
    }
    previous = []
    Self.writer.store(-1, ordering: .sequentiallyConsistent)
  }

  deinit { close() }
}

extension sigaction {
  /// Whether the process has chosen, or inherited, not to hear of the signal.
  var isIgnoring: Bool {
    unsafeBitCast(__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
