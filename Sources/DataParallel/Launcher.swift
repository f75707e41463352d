// Starts the program under mpirun and stays its messenger: signals go in, the exit status comes out.

import COpenMPI
import Diagnostics
import Glibc

public enum Launcher {
  /// How a launched job ended.
  public struct Outcome: Equatable, Sendable {
    /// Exit status of mpirun; 128 + signal if a signal ended it.
    public var status: Int32
    /// Whether the user asked for the end (SIGINT, SIGTERM, SIGUSR2).
    public var wasAskedToStop: Bool
  }

  /// Seconds between the first SIGTERM or SIGINT, which asks for a checkpoint, and the end by force.
  private static let graceSeconds = 20.0

  /// Whether this process should start itself under mpirun: several ranks wanted, and no launcher above it.
  public static func isNeeded(processCount: Int) -> Bool {
    processCount > 1 && !LaunchEnvironment.current.startsMPI
  }

  /// The plan for this machine.
  ///
  /// - Parameter arguments: the program's arguments without its name and without `--np`.
  /// - Throws: `InvalidInput` when mpirun is not installed or the hostfile is of no use.
  public static func plan(
    processCount: Int, arguments: [String], hostfile: String? = nil
  ) throws -> LaunchPlan {
    guard let mpirun = find("mpirun", in: getenv("PATH").map { String(cString: $0) } ?? "") else {
      throw InvalidInput(
        "--np \(processCount) needs mpirun, which is not in PATH; "
          + "install OpenMPI (Debian: apt install openmpi-bin libopenmpi-dev) or use --np 1")
    }
    return LaunchPlan(
      mpirun: mpirun, processCount: processCount, executable: try ownPath(), programArguments: arguments,
      coreCount: physicalCoreCount,
      hostfile: try hostfile.map { ($0, try Hostfile(path: $0)) },
      isRoot: geteuid() == 0, singleCopyIsRefused: vader_single_copy_is_refused() != 0)
  }

  /// Runs mpirun to its end.
  ///
  /// SIGUSR1 and SIGUSR2 are passed on. The first SIGTERM or SIGINT is passed on as SIGUSR2, checkpoint and
  /// stop, because mpirun gives ranks only a second after a SIGTERM of its own; a second one, or 20 s, end
  /// the job by force.
  public static func run(_ plan: LaunchPlan) throws -> Outcome {
    let signals: [Int32] = [SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD]
    var waited = sigset_t()
    var previous = sigset_t()
    sigemptyset(&waited)
    for signal in signals { sigaddset(&waited, signal) }
    pthread_sigmask(SIG_BLOCK, &waited, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

    let child = try ChildProcess(
      arguments: plan.arguments,
      variables: plan.variables.merging([LauncherWatch.variable: LauncherWatch.ownDescription]) { $1 })
    var wasAskedToStop = false
    var patience = CappedClock()
    while true {
      if let status = child.poll() { return Outcome(status: status, wasAskedToStop: wasAskedToStop) }
      var interval = timespec(tv_sec: 0, tv_nsec: 200_000_000)
      switch sigtimedwait(&waited, nil, &interval) {
      case SIGUSR1: child.send(SIGUSR1)
      case SIGUSR2:
        wasAskedToStop = true
        child.send(SIGUSR2)
      case SIGINT, SIGTERM:
        child.send(wasAskedToStop ? SIGTERM : SIGUSR2)
        if !wasAskedToStop { patience.reset() }
        wasAskedToStop = true
      default: break
      }
      if wasAskedToStop {
        patience.tick()
        if patience.seconds > graceSeconds {
          child.send(SIGTERM)
          patience.reset()
        }
      }
    }
  }

  /// The first executable file of that name in the directories of `path`.
  static func find(_ name: String, in path: String) -> String? {
    path.split(separator: ":").map { "\($0)/\(name)" }.first { $0.hasPrefix("/") && access($0, X_OK) == 0 }
  }

  private static func ownPath() throws -> String {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX) + 1) { buffer in
      let count = readlink("/proc/self/exe", buffer.baseAddress!, Int(PATH_MAX))
      guard count > 0 else { throw RuntimeFailure("readlink /proc/self/exe failed: \(errno)") }
      buffer[count] = 0
      return String(cString: buffer.baseAddress!)
    }
  }

  /// Cores, counting hardware threads of one core once, which is how mpirun counts slots.
  static var physicalCoreCount: Int {
    let siblings = (0..<Communicator.coreCount).map {
      Leftovers.read("/sys/devices/system/cpu/cpu\($0)/topology/thread_siblings_list")
    }
    // A container may hide the topology; then the processors that are online are all there is to count.
    return siblings.contains("") ? Communicator.coreCount : Set(siblings).count
  }
}
