// Who holds a lock, as its file says, and whether somebody else may take it over.

import Glibc
import Platform

/// A process that writes a checkpoint.
struct LockHolder: Equatable, Sendable {
  let host: String
  /// Changes with every start of the machine.
  let boot: String
  let process: pid_t
  /// Clock ticks from the start of the machine to that of the process.
  let start: UInt64
  /// Of a supervised job; empty otherwise.
  let run: String
  /// `Machine.identifier` and `Machine.processNamespace`; nil in locks of earlier versions, whose holders do not hold
  /// the kernel's lock beside the file.
  let kernel: Kernel?

  struct Kernel: Equatable, Sendable {
    let machine: String
    let namespace: String
  }

  init(process: ProcessIdentity, run: String = "", kernel: Kernel?) {
    host = Self.printable(process.host)
    boot = Self.printable(process.boot)
    self.process = process.process
    start = process.start
    self.run = Self.printable(run)
    self.kernel = kernel
  }

  /// This process.
  init(run: String) {
    self.init(
      process: .current, run: run,
      kernel: Kernel(machine: Machine.identifier, namespace: Machine.processNamespace))
  }

  /// Seven lines; five in earlier versions.
  var text: String {
    ([host, boot, String(process), String(start), run] + (kernel.map { [$0.machine, $0.namespace] } ?? []))
      .map { $0 + "\n" }.joined()
  }

  /// Nil unless it is a complete lock.
  init?(text: String) {
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard lines.count == 6 || lines.count == 8, lines.last == "", let process = pid_t(lines[2]),
      let start = UInt64(lines[3])
    else { return nil }
    self.init(
      process: ProcessIdentity(host: lines[0], boot: lines[1], process: process, start: start), run: lines[4],
      kernel: lines.count == 8
        ? Kernel(machine: Self.printable(lines[5]), namespace: Self.printable(lines[6])) : nil)
  }

  /// One line, whatever a host or a run is called.
  private static func printable(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: "\\u{\(String(scalar.value, radix: 16))}"
      default: String(scalar)
      }
    }.joined()
  }
}

extension LockHolder {
  /// What the system knows about a lock that was found.
  struct Circumstances {
    var kernelLock: FileLock.Answer
    /// Whether only this machine can have mounted the file system now.
    var isLocal: Bool
    /// Whether this process sees a process of the holder's number and start.
    var isSeen: Bool
  }

  enum Verdict: Equatable {
    case held
    /// In words, what is known about the holder's end.
    case abandoned(String)
  }

  /// Whether `me` may take the lock over. A holder with this kernel lives if it has the kernel's lock; one with another
  /// kernel is gone if that kernel can no longer reach the file.
  func verdict(for me: LockHolder, _ found: Circumstances) -> Verdict {
    let isSameKernel = boot == me.boot
    let isSameJob = !run.isEmpty && run == me.run
    if found.kernelLock == .refused, isSameKernel || !isSameJob { return .held }
    if isSameJob { return .abandoned("it was an earlier start of this job") }
    guard isSameKernel else {
      if found.isLocal { return .abandoned("this machine has been started since") }
      let isSameMachine = kernel.map { !$0.machine.isEmpty && $0.machine == me.kernel?.machine } ?? true
      return isSameMachine && host == me.host ? .abandoned("this machine has been started since") : .held
    }
    if found.kernelLock == .granted, kernel != nil { return .abandoned("it has ended") }
    // Numbers of processes mean something within their namespace.
    guard kernel.map({ $0.namespace == me.kernel?.namespace }) ?? (host == me.host) else { return .held }
    return found.isSeen ? .held : .abandoned("it has ended")
  }
}
