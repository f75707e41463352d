// The beginning and the end of a process: what it may have inherited from a careless parent is put right before
// anything else happens, and nothing a library does at the end keeps it.

import Glibc
import Synchronization

public enum Surroundings {
  /// Call first in `main`.
  ///
  /// - Descriptors 0 to 2 that the parent closed become /dev/null: otherwise the next file opened would
  ///   receive the program's output.
  /// - A reader that goes away, or a file that may not grow (`ulimit -f`), is a failed write, not the end: SIGPIPE and
  ///   SIGXFSZ are ignored.
  /// - SIGCHLD gets its default: if ignored, children would vanish without a status.
  /// - Throws: `InvalidInput` if a limit leaves too little memory for any work.
  public static func prepare() throws {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest free number is the one just found closed.
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY)
    }
    signal(SIGCHLD, SIG_DFL)
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    try requireAddressSpace(128 << 20, for: "this program")
    if let stack = Machine.limit(of: RLIMIT_STACK), stack < stackBytes {
      throw InvalidInput(
        "the limit of stacks (ulimit -s) is \(stack >> 10) KB; give at least \(stackBytes >> 10)")
    }
  }

  /// Of each thread; half of it is enough.
  private static let stackBytes = 512 << 10

  /// - Throws: `InvalidInput` for an argument of this process that is not UTF-8: `CommandLine.arguments` has replaced
  ///   what it could not read.
  public static func requireReadableArguments() throws {
    try requireReadable((0..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0] }.map(bytes))
  }

  private static func bytes(_ text: UnsafeMutablePointer<CChar>) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }

  /// - Parameter arguments: with the program's name first.
  static func requireReadable(_ arguments: [[UInt8]]) throws {
    func isReadable(_ bytes: some Collection<UInt8>) -> Bool {
      String(validating: bytes, as: UTF8.self) != nil
    }
    for (index, argument) in arguments.enumerated().dropFirst() where !isReadable(argument) {
      let name = argument.prefix { $0 != UInt8(ascii: "=") }
      let isAttached = argument.starts(with: "--".utf8) && isReadable(name)
      let option = isAttached ? name[...] : arguments[index - 1][...]
      let isNamed = index > 1 && option.starts(with: "--".utf8) && isReadable(option) || isAttached
      let shown = (isAttached ? argument[(name.count + 1)...] : argument[...]).map { byte in
        (0x20...0x7E).contains(byte)
          ? String(UnicodeScalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
      throw InvalidInput(
        "\(isNamed ? String(decoding: option, as: UTF8.self) : "argument \(index)") '\(shown.joined())' is not "
          + "UTF-8; give text and names of files in UTF-8, as a terminal of today does")
    }
  }

  /// Allocations that fail end a process without a word, so what a limit does not leave is said beforehand. Without a
  /// limit nothing is said: what the machine has free changes.
  ///
  /// - Throws: `InvalidInput` if RLIMIT_AS leaves less than `bytes`.
  public static func requireAddressSpace(_ bytes: Int, for purpose: String) throws {
    guard let left = Machine.addressSpaceLeft, left < bytes else { return }
    throw InvalidInput(
      "\(purpose) needs about \(bytes >> 20) MB, and the limit of memory (ulimit -v) leaves \(max(0, left) >> 20) MB; "
        + "lift it with ulimit -v unlimited")
  }

  private static let duties = Mutex<[@Sendable () -> Void]>([])

  /// Adds what is still to be done before the process ends, and is left out when it is cut short.
  public static func atEnd(_ duty: @escaping @Sendable () -> Void) { duties.withLock { $0.append(duty) } }

  /// Does what `atEnd` has added, for an end that does not come by `end`.
  public static func fulfilDuties() {
    for duty in duties.withLock({ $0 }) { duty() }
  }

  /// Ends the process. Handlers that libraries have registered for `exit` are left out: OpenBLAS's waits for ever for
  /// threads that the system refused to start. A terminal that was stopped, or a reader that sleeps, keeps it no
  /// longer than two seconds.
  public static func end(_ status: Int32) -> Never {
    fulfilDuties()
    StandardStream.flushOutput(within: 2)
    fflush(nil)
    _exit(status)
  }
}
