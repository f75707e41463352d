// Identifies a process beyond its number, which the system reuses.

import Glibc

/// A process on some host, distinguishable from later ones with the same number.
public struct ProcessIdentity: Equatable, Sendable, CustomStringConvertible {
  public let host: String
  /// Changes with every start of the machine.
  public let boot: String
  public let process: pid_t
  /// Clock ticks from the start of the machine to that of the process.
  public let start: UInt64

  public init(host: String, boot: String, process: pid_t, start: UInt64) {
    self.host = host
    self.boot = boot
    self.process = process
    self.start = start
  }

  /// This process. It does not change, so it is read once.
  public static let current = ProcessIdentity(
    host: Machine.hostName,
    boot: smallFile("/proc/sys/kernel/random/boot_id")?.split(separator: "\n").first.map(String.init) ?? "-",
    process: getpid(), start: startTime(of: getpid()) ?? 0)

  /// The four fields, separated by `separator`; `init(_:separator:)` reverses it.
  public func text(separator: Character) -> String {
    [host, boot, String(process), String(start)].joined(separator: String(separator))
  }

  public var description: String { text(separator: " ") }

  public init?(_ text: some StringProtocol, separator: Character = " ") {
    let fields = text.split(omittingEmptySubsequences: false) { $0 == separator }.map { String($0) }
    guard fields.count == 4, let process = pid_t(fields[2]), let start = UInt64(fields[3]) else { return nil }
    self.init(host: fields[0], boot: fields[1], process: process, start: start)
  }

  /// Whether it is a process of this host, so that `isRunning` means something.
  public var isOnThisHost: Bool { host == Self.current.host }

  /// Whether it is still running; meaningful only on its own host.
  public var isRunning: Bool { boot == Self.current.boot && Self.startTime(of: process) == start }

  /// Field 22 of /proc/<pid>/stat; nil for a process that has ended. A zombie counts as ended.
  public static func startTime(of process: pid_t) -> UInt64? {
    let fields = status(of: process)
    guard fields.count > 19, fields[0] != "Z" else { return nil }
    return UInt64(fields[19])
  }

  /// Whether a process of this host is stopped, by a signal or a debugger.
  public static func isStopped(_ process: pid_t) -> Bool {
    let state = status(of: process).first
    return state == "T" || state == "t"
  }

  /// The fields of /proc/<pid>/stat from the state on; none for a process that has ended.
  private static func status(of process: pid_t) -> [Substring] {
    // The name in parentheses may itself contain spaces and parentheses.
    guard let text = smallFile("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return [] }
    return text[text.index(after: end)...].split(separator: " ")
  }
}
