// Starts the program under mpirun and stays in between: signals go in, the exit status comes out.

import Glibc
import Platform
import TerminalDisplay

public enum Launcher {
  /// How a launched job ended.
  public struct Outcome: Equatable, Sendable {
    /// Exit status of mpirun; 128 + signal if a signal ended it.
    public var status: Int32
    /// Whether the user asked it to stop (SIGINT, SIGTERM, SIGUSR2).
    public var wasAskedToStop: Bool
  }

  /// Tells ranks which process started mpirun for them.
  static let identityVariable = "MICROGPT_LAUNCHER"

  /// Tells rank 0 that this launcher draws a live line.
  static let statusVariable = "MICROGPT_STATUS"

  /// Whether the launcher above this rank wants to know what a live line is to show.
  public static var wantsStatus: Bool { isAbove && environmentVariable(statusVariable) == "1" }

  /// The process that started this rank's job, for the watchdog; nil if it was not one of ours or is on
  /// another host.
  public static var ofThisJob: ProcessIdentity? {
    environmentVariable(identityVariable).flatMap { ProcessIdentity($0) }.flatMap {
      $0.isOnThisHost ? $0 : nil
    }
  }

  /// Whether this rank's job was started by `run`, on this host or another.
  public static var isAbove: Bool { environmentVariable(identityVariable) != nil }

  /// Whether this process should start itself under mpirun: several ranks wanted, no launcher above it.
  ///
  /// - Throws: `InvalidInput` if a foreign launcher started several of these, each of which would start as many.
  public static func isNeeded(processCount: Int) throws -> Bool {
    guard processCount > 1, !LaunchEnvironment.current.startsMPI else { return false }
    try WorldCheck.verify(worldSize: 1, environment: .current)
    return true
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
    guard let temporary = Machine.temporaryFolder() else {
      throw InvalidInput(
        "--np \(processCount) needs a folder for temporary files, and neither TMPDIR nor /tmp takes one; "
          + "set TMPDIR to a folder that can be written to")
    }
    try Surroundings.requireAddressSpace(512 << 20, for: "mpirun")
    // Shared memory is files, too: 4 MiB a rank. mpirun waits for ever for what cannot grow.
    let fileBytes = 16 << 20
    if let largest = Machine.largestFile, largest < fileBytes {
      throw InvalidInput(
        "--np \(processCount) needs files of \(fileBytes >> 20) MB between the ranks, and the limit (ulimit -f) is "
          + "\(largest >> 10) KB; allow them with ulimit -f \(fileBytes >> 10)")
    }
    guard access(".", X_OK) == 0, getcwd(nil, 0) != nil else {
      throw InvalidInput(
        "the working folder is gone (\(systemError())); change to one that exists, where mpirun can start")
    }
    // Three streams a rank, each a pipe, and what mpirun needs itself.
    let files = 64 + 16 * processCount
    guard Machine.allowOpenFiles(files) >= files else {
      throw InvalidInput("--np \(processCount) needs \(files) open files; allow them with ulimit -n \(files)")
    }
    return MpirunCommand(
      mpirun: mpirun, processCount: processCount, executable: try Machine.ownProgram(),
      programArguments: arguments, coreCount: Machine.coreCount,
      allocation: SlurmAllocation.current,
      hostfile: try hostfile.map { ($0, try Hostfile(path: $0)) },
      isRoot: geteuid() == 0,
      temporaryFolder: temporary == environmentVariable("TMPDIR") ?? "/tmp" ? nil : temporary,
      singleCopyIsRefused: Machine.singleCopyIsRefused)
  }

  /// Runs mpirun until it ends.
  ///
  /// - SIGUSR1 asks the job for a checkpoint; the first SIGINT, SIGTERM, SIGHUP or SIGUSR2 for a checkpoint and its
  ///   end, by a line to rank 0 (`LauncherWish`): mpirun gives ranks only a second after its own SIGTERM. A second
  ///   one ends rank 0 with its last finished step saved, a third one kills mpirun; after 40 s of a first one, or 3 s
  ///   of a second, mpirun gets SIGTERM, and SIGKILL where that does not help.
  /// - SIGTSTP (Ctrl-Z) stops the ranks, mpirun and this process; SIGCONT continues them.
  /// - What the job writes goes through here, without mpirun's boxes. It reads nothing from the terminal. Where this
  ///   process has a live line, rank 0 says what it shows.
  /// - A hostfile that mpirun would refuse for its line ends is handed to it as a plain copy.
  public static func run(_ plan: MpirunCommand) throws -> Outcome {
    var plan = plan
    let copy = try plan.hostfile.flatMap { try $0.content.isPlain ? nil : $0.content.writeTemporary() }
    defer { if let copy { unlink(copy) } }
    if let copy, let path = plan.hostfile?.path {
      printError(
        "note: mpirun would refuse the line ends or the byte order mark of \(path), and gets a copy without")
      plan.hostfile?.path = copy
    }
    let words = [
      identityVariable: ProcessIdentity.current.description, statusVariable: Display.isLive ? "1" : "0",
    ]
    // mpirun tells ranks on other hosts only of variables that it is told of.
    let telling = words.keys.sorted().flatMap { ["-x", $0] }
    let job = try LaunchedJob(
      plan.arguments.prefix(1) + telling + plan.arguments.dropFirst(),
      environment: plan.environment.merging(words) { $1 }, hasStatus: Display.isLive)
    return job.run()
  }
}
