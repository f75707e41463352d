// Lets ranks outlive neither mpirun (their parent) nor the program that started mpirun for them.

import Glibc

/// A process of this host, told apart from later ones with the same number by its start time.
struct LauncherWatch: CustomStringConvertible {
  static let variable = "MICROGPT_LAUNCHER"
  let processIdentifier: pid_t
  let startTime: String

  /// What `Launcher` puts into the environment of mpirun for the ranks.
  static var ownDescription: String {
    "\(Communicator.hostName) \(getpid()) \(startTime(of: getpid()) ?? "0")"
  }

  /// Nil when no launcher of ours started this rank, or on another host than ours.
  static func fromEnvironment() -> LauncherWatch? {
    guard let value = getenv(variable) else { return nil }
    let fields = String(cString: value).split(separator: " ")
    guard fields.count == 3, fields[0] == Communicator.hostName, let identifier = pid_t(fields[1]) else {
      return nil
    }
    return LauncherWatch(processIdentifier: identifier, startTime: String(fields[2]))
  }

  var isAlive: Bool { Self.startTime(of: processIdentifier) == startTime }

  var description: String { "the launcher (pid \(processIdentifier))" }

  /// Field 22 of /proc/<pid>/stat, clock ticks since boot; the name in field 2 may hold spaces and
  /// parentheses.
  private static func startTime(of process: pid_t) -> String? {
    let stat = Leftovers.read("/proc/\(process)/stat")
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    // A zombie is dead: its parent has just not asked yet.
    guard fields.count > 19, fields[0] != "Z" else { return nil }
    return String(fields[19])
  }
}
