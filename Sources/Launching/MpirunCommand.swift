// What `--np N` outside mpirun turns into: an argument vector and a few variables, no shell line. Pure.

import Platform

/// One launch of the program under mpirun.
public struct MpirunCommand: Equatable, Sendable {
  /// Absolute path of mpirun.
  public var mpirun: String
  public var processCount: Int
  /// Absolute path of the program, the same on every host.
  public var executable: String
  /// The program's own arguments, without `--np`: mpirun determines the number of ranks.
  public var programArguments: [String]
  /// Cores of this host; more ranks than that share cores.
  public var coreCount: Int
  /// What SLURM has given this job; mpirun then spreads the ranks over its nodes.
  public var allocation: SlurmAllocation?
  /// Path and content; nil means this host alone.
  public var hostfile: (path: String, content: Hostfile)?
  /// Whether the user is root, which mpirun refuses unless told twice.
  public var isRoot = false
  /// Where mpirun keeps its sockets and notes; nil is where it would by itself.
  public var temporaryFolder: String?
  /// Whether the kernel refuses process_vm_readv, as the seccomp filters of containers do.
  public var singleCopyIsRefused = false

  public static func == (left: MpirunCommand, right: MpirunCommand) -> Bool {
    left.arguments == right.arguments && left.variables == right.variables
      && left.coreCount == right.coreCount && left.allocation == right.allocation
      && left.hostfile?.content == right.hostfile?.content
  }

  /// Slots that mpirun may fill without being told to oversubscribe; nil if only mpirun knows.
  public var slotCount: Int? {
    if let hostfile { return hostfile.content.slotCount }
    guard let allocation else { return coreCount }
    return needsEntireAllocation ? allocation.processorCount : allocation.taskCount
  }

  /// Whether the tasks that were asked for are too few, and the processors are not: `sbatch --cpus-per-task=8`.
  private var needsEntireAllocation: Bool {
    guard hostfile == nil, let allocation else { return false }
    return allocation.taskCount < processCount && processCount <= allocation.processorCount
  }

  /// The argument vector, the path of mpirun first.
  public var arguments: [String] {
    var arguments = [mpirun, "-np", String(processCount)]
    if let hostfile { arguments += ["--hostfile", hostfile.path] }
    // Without this mpirun refuses more ranks than slots; with it idle ranks yield their core.
    if let slotCount, processCount > slotCount { arguments.append("--oversubscribe") }
    // SLURM's tasks are slots by default; this makes its processors slots.
    if needsEntireAllocation { arguments += ["--mca", "ras_slurm_use_entire_allocation", "1"] }
    // By default mpirun binds each rank, and with it all its threads, to one core.
    arguments += ["--bind-to", "none"]
    if let temporaryFolder { arguments += ["--mca", "orte_tmpdir_base", temporaryFolder] }
    // vader copies through process_vm_readv where the kernel allows it. Where it does not, OpenMPI 4.1
    // notices only in the first message and reports "Read -1"; everywhere else single copy is faster, so it
    // stays on.
    if singleCopyIsRefused { arguments += ["--mca", "btl_vader_single_copy_mechanism", "none"] }
    return arguments + [executable] + programArguments
  }

  /// Variables to set on top of the environment of this process.
  public var variables: [String: String] {
    isRoot ? ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"] : [:]
  }

  /// mpirun's environment: that of this process and `variables`.
  public var environment: [String: String] { ChildProcess.inheritedEnvironment.merging(variables) { $1 } }

  /// One line that a user can paste into a shell.
  public var description: String { words.joined(separator: " ") }

  /// The same in words, quoted.
  public var words: [String] {
    variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } + arguments.map(shellQuoted)
  }
}
