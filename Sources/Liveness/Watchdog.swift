// The thread that ends this process when nothing else can: parent dead, main thread stuck, MPI_Abort stuck.
// It makes no MPI calls. Hung peers are found by the polling waits (PendingRequests), not here.

import Platform
import Glibc
import Synchronization

/// Watches this process from its own thread, every 200 ms.
///
/// `Communicator.start` starts it for every rank of an MPI job; a process without MPI leaves no peers hanging
/// and is not watched.
public enum Watchdog {
  /// Marks what the main thread begins; also a sign of life for the watchdog.
  public static func enter(phase: Phase, step: Int) { Heartbeat.enter(phase, step: step) }

  /// A sign of life within a long phase, from any thread that makes progress.
  public static func beat() { Heartbeat.beat() }

  /// Seconds without a sign of life after which a process is taken to hang.
  public static let defaultHangTimeout = 300.0

  private static let tickMicroseconds: UInt32 = 200_000
  /// Time for MPI_Abort before the process ends without it.
  private static let abortSeconds = 1.5
  /// Time for the last wish.
  private static let wishSeconds = 1.0
  private static let noEnd = Int.min
  private static let isRunning = Atomic<Bool>(false)
  private static let endStatus = Atomic<Int>(noEnd)
  private static let settings = Mutex(Settings())
  private static let lastWish = Mutex<(@Sendable (String) -> Void)?>(nil)

  private struct Settings {
    var hangTimeout = Watchdog.defaultHangTimeout
    var name = "this process"
  }

  /// - Parameter name: how the watchdog's messages name this process, such as "rank 2 (node01, pid 4711)".
  package static func configure(name: String, hangTimeout: Double) {
    settings.withLock { $0 = Settings(hangTimeout: hangTimeout, name: name) }
  }

  /// Sets what this process still does, within a second, before it ends because its launcher or a peer has died or a user
  /// cannot wait.
  ///
  /// - Parameter wish: gets the cause, in words.
  public static func setLastWish(_ wish: @escaping @Sendable (String) -> Void) {
    lastWish.withLock { $0 = wish }
  }

  /// Ends this process now, from any thread, whatever the others do.
  public static func end(status: Int32, because cause: String) -> Never {
    fulfilLastWish(because: cause)
    endProcess(status)
  }

  /// Starts the thread, once per process.
  ///
  /// - Parameters:
  ///   - parent: the process whose death ends this one; nil to watch none.
  ///   - launcher: another such process on this host.
  package static func start(parent: pid_t?, launcher: ProcessIdentity?) throws {
    guard !isRunning.exchange(true, ordering: .acquiringAndReleasing) else { return }
    // A log line written after mpirun's death must not end the process before its leftovers are removed.
    signal(SIGPIPE, SIG_IGN)
    _ = try BackgroundThread(name: "watchdog") { watch(parent: parent, launcher: launcher) }
  }

  /// Ends this process within two seconds with `status`, whatever the main thread does until then.
  package static func expectEnd(status: Int32) {
    endStatus.store(Int(status), ordering: .relaxed)
    // Without a watchdog thread, MPI_Abort must do.
    try? start(parent: nil, launcher: nil)
  }

  private static func watch(parent: pid_t?, launcher: ProcessIdentity?) -> Never {
    var stillness = CappedClock()
    var ending = CappedClock()
    var lastBeat = Heartbeat.count
    while true {
      usleep(tickMicroseconds)
      let status = endStatus.load(ordering: .relaxed)
      if status != noEnd {
        ending.tick()
        if ending.seconds > abortSeconds { endProcess(Int32(status)) }
      } else {
        ending.reset()
      }
      if let parent, getppid() != parent {
        Leftovers.removeAll()
        fulfilLastWish(because: "the launcher has died")
        end("mpirun (pid \(parent)) has died; this rank ends too")
      }
      if let launcher, !launcher.isRunning {
        fulfilLastWish(because: "the launcher has died")
        end("the launcher (pid \(launcher.process)) has died; the job ends")
      }
      let beat = Heartbeat.count
      if beat != lastBeat {
        lastBeat = beat
        stillness.reset()
      } else {
        stillness.tick()
        if stillness.seconds > settings.withLock({ $0.hangTimeout }) {
          end(
            "no progress for \(Int(stillness.seconds)) s in phase \(Heartbeat.phase.name), "
              + "step \(Heartbeat.step); this process ends so that the job does not hang")
        }
      }
    }
  }

  /// Does what this process still does before it ends. On a thread of its own: a disk that does not answer must not
  /// keep this process alive.
  public static func fulfilLastWish(because cause: String) {
    guard let wish = lastWish.withLock({ $0 }) else { return }
    let completion = Completion()
    let thread = try? BackgroundThread(name: "last wish") {
      wish(cause)
      Surroundings.fulfilDuties()
      completion.finish()
    }
    if thread != nil { _ = completion.wait(seconds: wishSeconds) }
  }

  private static func end(_ cause: String) -> Never {
    StandardStream.error.line("error: \(settings.withLock { $0.name }): \(cause)")
    endProcess(ExitStatus.failure)
  }
}
