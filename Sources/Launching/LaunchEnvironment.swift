// What launchers leave in the environment of the processes that they start. An environment outlives its launcher: a
// batch script, a shell within a step and a job submitted from one inherit words that are not about them.

import Glibc
import Platform

/// The environment variables that tell a process about its job, as far as they are about this process.
public struct LaunchEnvironment: Sendable {
  private let variables: [String: String]
  /// What of SLURM's this process runs in.
  private let place: SlurmPlace?

  /// What the system, unlike the environment, knows for certain.
  struct Surroundings: Sendable {
    /// The title of the daemon of SLURM's above this process, such as `slurmstepd: [12.batch]`; nil if there is none.
    var stepDaemon: String?
    var exists: @Sendable (_ path: String) -> Bool = { _ in true }
    var isOpen: @Sendable (_ descriptor: Int32) -> Bool = { _ in true }
  }

  init(_ variables: [String: String], in surroundings: Surroundings = Surroundings()) {
    let place = SlurmPlace(variables, stepDaemon: surroundings.stepDaemon)
    self.place = place
    var found = variables
    func forget(_ names: some Sequence<String>) { for name in names { found[name] = nil } }
    // A server of PMIx's lives as long as the folder with its sockets, and is for tasks of a step only.
    let server = variables["PMIX_SERVER_TMPDIR"]
    let isOfStep = variables["PMIX_NAMESPACE"]?.hasPrefix("slurm.pmix.") == true
    if server.map(surroundings.exists) == false || isOfStep && place?.isStep == false {
      forget(Self.namesOfMPI)
    }
    let descriptor = variables["PMI_FD"].flatMap { Int32($0) }
    if descriptor.map(surroundings.isOpen) == false { forget(Self.namesOfPMI) }
    self.variables = found
  }

  /// The relevant variables of this process.
  public static let current: LaunchEnvironment = {
    var found: [String: String] = [:]
    for name in namesOfMPI + namesOfPMI + otherNames { found[name] = environmentVariable(name) }
    let hasSlurm = found["SLURM_JOB_ID"] != nil
    return LaunchEnvironment(
      found,
      in: Surroundings(
        stepDaemon: hasSlurm ? SlurmPlace.daemonAbove : nil,
        exists: { access($0, F_OK) == 0 }, isOpen: { fcntl($0, F_GETFD) >= 0 }))
  }()

  private static let namesOfMPI = [
    "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMIX_NAMESPACE", "PMIX_SERVER_TMPDIR",
  ]
  private static let namesOfPMI = ["PMI_SIZE", "PMI_RANK", "PMI_FD"]
  private static let otherNames = [
    "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_STEP_ID", "SLURM_JOB_ID",
    "MV2_COMM_WORLD_SIZE",
  ]

  /// Whether mpirun started this process.
  private var isOfMpirun: Bool { has("OMPI_COMM_WORLD_SIZE") }

  /// Tasks of the step that this process is of; nil outside a step.
  private var stepTasks: Int? {
    guard place?.isStep == true else { return nil }
    return number("SLURM_STEP_NUM_TASKS") ?? number("SLURM_NTASKS")
  }

  /// Whether a launcher that OpenMPI understands started this process as one of its job (mpirun, or srun with PMIx).
  ///
  /// A step of one task needs no MPI, and may be a shell in which several programs run one after the other: its server
  /// would refuse the second.
  public var startsMPI: Bool { isOfMpirun || has("PMIX_RANK") && stepTasks != 1 }

  /// The number that the launcher gave this process, before MPI has been asked; 0 for a process of its own.
  public var rank: Int {
    if let rank = number("OMPI_COMM_WORLD_RANK") ?? number("PMIX_RANK") { return rank }
    // Without the size, process 0 does not know that there are others, and cannot speak for them.
    if let rank = number("PMI_RANK"), has("PMI_SIZE") { return rank }
    return place?.isStep == true ? number("SLURM_PROCID") ?? 0 : 0
  }

  /// Whether the launcher ends all processes when one fails; srun by itself does not.
  public var endsTogether: Bool { has("OMPI_COMM_WORLD_RANK") }

  /// What says that this process is one of several, in words; nil if nothing does.
  var evidenceOfMore: String? {
    for name in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"] {
      if let count = number(name), count > 1 {
        return "the environment says \(count) processes (\(name)=\(count))"
      }
    }
    for name in ["PMIX_RANK", "PMI_RANK"] {
      if let rank = number(name), rank > 0 {
        return "the environment says this is process number \(rank) (\(name)=\(rank))"
      }
    }
    // On other nodes mpirun's daemons are steps themselves; what they start is mpirun's.
    guard !isOfMpirun, let count = stepTasks, count > 1 else { return nil }
    return "srun started \(count) processes (step \(place?.description ?? "?"))"
  }

  private func has(_ name: String) -> Bool { variables[name] != nil }
  private func number(_ name: String) -> Int? { variables[name].flatMap { Int($0) } }
}

/// Where in a job of SLURM's a process runs: the tasks of a step are several copies; a batch script and an interactive
/// shell are one process that may start steps.
struct SlurmPlace: CustomStringConvertible {
  static let daemonPrefix = "slurmstepd: ["
  /// Numbers from here on are those of scripts, shells and daemons.
  private static let firstSpecialStep = 0xffff_fff0

  let isStep: Bool
  /// `12.0`, `12.batch`.
  let description: String

  /// - Parameter stepDaemon: its title tells for certain. Nil where it cannot be seen, as in a shell of salloc's on the
  ///   submitting host.
  /// - Returns: nil outside SLURM.
  init?(_ variables: [String: String], stepDaemon: String?) {
    if let title = stepDaemon, title.hasPrefix(Self.daemonPrefix) {
      let name = title.dropFirst(Self.daemonPrefix.count).prefix { $0 != "]" }
      description = String(name)
      isStep = name.split(separator: ".").last.flatMap { Int($0) } != nil
      return
    }
    // A batch script has the number of the step that it was submitted from, if any; but then there is a daemon.
    guard let step = variables["SLURM_STEP_ID"].flatMap({ Int($0) }) else {
      // Older ones say only how many.
      guard let tasks = variables["SLURM_STEP_NUM_TASKS"] else { return nil }
      description = "of \(tasks) tasks"
      isStep = true
      return
    }
    description = "\(variables["SLURM_JOB_ID"] ?? "?").\(step)"
    isStep = step < Self.firstSpecialStep
  }

  /// The title of the nearest of SLURM's daemons above this process; nil if there is none, or it cannot be seen.
  static var daemonAbove: String? {
    var process = getppid()
    // A chain is short; one that changes meanwhile must still end.
    for _ in 0..<64 where process > 1 {
      let title = (smallFile("/proc/\(process)/cmdline") ?? "").prefix { $0 != "\0" }
      if title.hasPrefix(daemonPrefix) { return String(title) }
      let line = (smallFile("/proc/\(process)/status") ?? "").split(separator: "\n").first {
        $0.hasPrefix("PPid:")
      }
      guard let parent = line?.split(separator: "\t").last.flatMap({ pid_t($0) }) else { return nil }
      process = parent
    }
    return nil
  }
}
