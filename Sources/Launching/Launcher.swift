// Starts the program under mpirun and stays in between: signals go in, the exit status comes out.

import Glibc
import Platform

public enum Launcher {
  /// How a launched job ended.
  public struct Outcome: Equatable, Sendable {
    /// Exit status of mpirun; 128 + signal if a signal ended it.
    public var status: Int32
    /// Whether the user asked it to stop (SIGINT, SIGTERM, SIGUSR2).
    public var wasAskedToStop: Bool
  }

  /// Seconds between the first SIGTERM, SIGHUP or SIGINT, which asks for a checkpoint, and a forced end.
  private static let graceSeconds = 20.0

  /// Tells ranks which process started mpirun for them.
  private static let identityVariable = "MICROGPT_LAUNCHER"

  /// The process that started this rank's job, for the watchdog; nil if it was not one of ours or is on
  /// another host.
  public static var ofThisJob: ProcessIdentity? {
    environmentVariable(identityVariable).flatMap { ProcessIdentity($0) }.flatMap {
      $0.isOnThisHost ? $0 : nil
    }
  }

  /// Whether this process should start itself under mpirun: several ranks wanted, no launcher above it.
  public static func isNeeded(processCount: Int) -> Bool {
    processCount > 1 && !LaunchEnvironment.current.startsMPI
  }

  /// The plan for this machine.
  ///
  /// - Parameter arguments: the program's arguments without its name and without `--np`.
  /// - Throws: `InvalidInput` if mpirun is not installed or the hostfile is unusable.
  public static func plan(
    processCount: Int, arguments: [String], hostfile: String? = nil
  ) throws -> MpirunCommand {
    guard let mpirun = Machine.find("mpirun") else {
      throw InvalidInput(
        "--np \(processCount) needs mpirun, which is not in PATH; "
          + "install OpenMPI (Debian: apt install openmpi-bin libopenmpi-dev) or use --np 1")
    }
    return MpirunCommand(
      mpirun: mpirun, processCount: processCount, executable: try Machine.ownProgram(),
      programArguments: arguments, coreCount: Machine.coreCount,
      hostfile: try hostfile.map { ($0, try Hostfile(path: $0)) },
      isRoot: geteuid() == 0, singleCopyIsRefused: Machine.singleCopyIsRefused)
  }

  /// Runs mpirun until it ends.
  ///
  /// SIGUSR1 and SIGUSR2 are passed on. The first SIGTERM, SIGHUP or SIGINT is passed on as SIGUSR2 (checkpoint and
  /// stop), because mpirun gives ranks only a second after its own SIGTERM; a second one, or 20 s, ends the
  /// job by force.
  public static func run(_ plan: MpirunCommand) throws -> Outcome {
    let signals: [Int32] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD]
    var waited = sigset_t()
    var previous = sigset_t()
    sigemptyset(&waited)
    for signal in signals { sigaddset(&waited, signal) }
    pthread_sigmask(SIG_BLOCK, &waited, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

    let child = try ChildProcess(
      plan.arguments,
      environment: plan.environment.merging([identityVariable: ProcessIdentity.current.description]) { $1 },
      leadsGroup: true)
    var wasAskedToStop = false
    var patience = CappedClock()
    while true {
      if let ending = child.poll() { return Outcome(status: ending.status, wasAskedToStop: wasAskedToStop) }
      var interval = timespec(tv_sec: 0, tv_nsec: 200_000_000)
      switch sigtimedwait(&waited, nil, &interval) {
      case SIGUSR1: child.send(SIGUSR1)
      case SIGUSR2:
        wasAskedToStop = true
        child.send(SIGUSR2)
      case SIGINT, SIGTERM, SIGHUP:
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
}
