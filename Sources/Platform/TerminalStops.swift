// Ctrl-Z for a job under a launcher that stops its ranks, but not itself.

import CPlatform
import Glibc

public enum TerminalStops {
  /// From now on a launcher in the foreground of a terminal stops with its ranks, so that the shell has its prompt back
  /// and `fg` continues all of them. mpirun forwards Ctrl-Z, and the SIGCONT of `fg`, but stays running in between.
  ///
  /// A small process watches, which ends with this one. Without a terminal nothing is started.
  /// - Parameters:
  ///   - launcher: the process that started `ranks`.
  ///   - ranks: all of its ranks on this host, this process among them.
  public static func complete(launcher: pid_t, ranks: [pid_t]) {
    var group: Int32 = 0
    var foreground: Int32 = 0
    guard platform_process_state(launcher, &group, &foreground) != 0, foreground != 0 else { return }
    _ = platform_complete_terminal_stops(launcher, ranks, Int32(ranks.count))
  }
}
