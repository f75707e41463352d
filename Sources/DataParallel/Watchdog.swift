// The thread that ends this process when nothing else can. It makes no MPI call.

import Glibc
import Synchronization

/// Watches this process from a thread of its own.
public enum Watchdog {
  /// Marks what the main thread begins; also the sign of life that the watchdog waits for.
  public static func enter(phase: Phase, step: Int) { Heartbeat.enter(phase, step: step) }

  /// A sign of life within a long phase, from any thread that makes progress.
  public static func beat() { Heartbeat.beat() }

  static func expectEnd(status: Int32) {}
}
