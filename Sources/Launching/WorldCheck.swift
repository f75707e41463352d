// Was this process started as one of several? Reads what mpirun, srun and other launchers set in the
// environment.

import Platform
import Glibc

/// The environment variables that tell a process about its job.
public struct LaunchEnvironment: Sendable {
  private let variables: [String: String]

  public init(_ variables: [String: String]) { self.variables = variables }

  /// The relevant variables of this process.
  public static var current: LaunchEnvironment {
    var found: [String: String] = [:]
    for name in names {
      if let value = getenv(name) { found[name] = String(cString: value) }
    }
    return LaunchEnvironment(found)
  }

  private static let names = [
    "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_SIZE", "PMI_RANK", "SLURM_NTASKS",
    "SLURM_STEP_NUM_TASKS",
    "SLURM_PROCID", "SLURM_STEP_ID", "MV2_COMM_WORLD_SIZE",
  ]

  /// Whether a launcher that OpenMPI understands started this process (mpirun, or srun with PMIx).
  public var startsMPI: Bool { has("OMPI_COMM_WORLD_SIZE") || has("PMIX_RANK") }

  /// The number that the launcher gave this process, before MPI has been asked; 0 for a process of its own.
  public var rank: Int {
    if let rank = number("OMPI_COMM_WORLD_RANK") ?? number("PMIX_RANK") { return rank }
    // Without the size, process 0 does not know that there are others, and cannot speak for them.
    if let rank = number("PMI_RANK"), has("PMI_SIZE") { return rank }
    // A batch script, which no srun has started, is task 0 of its own.
    return has("SLURM_STEP_ID") ? number("SLURM_PROCID") ?? 0 : 0
  }

  /// Whether the launcher ends all processes when one fails; srun by itself does not.
  public var endsTogether: Bool { has("OMPI_COMM_WORLD_RANK") }

  func has(_ name: String) -> Bool { variables[name] != nil }
  func number(_ name: String) -> Int? { variables[name].flatMap { Int($0) } }
}

/// Detects a job that runs as N silent copies of one rank because the launcher and MPI do not know each
/// other.
public enum WorldCheck {
  /// - Parameter requested: the `--np` of the command line, if given.
  /// - Throws: `InvalidInput` if the launcher started more processes than MPI counts, or the world is not of
  ///   the requested size.
  public static func verify(
    worldSize: Int, environment: LaunchEnvironment, requested: Int? = nil
  ) throws {
    if worldSize == 1, let evidence = evidenceOfMore(environment) {
      throw InvalidInput(
        "\(evidence), but MPI finds a world of 1 process: each process would train alone; "
          + "start with OpenMPI's own mpirun, with `srun --mpi=pmix`, or with --np N outside any launcher")
    }
    if let requested, requested != worldSize, environment.startsMPI {
      throw InvalidInput(
        "--np \(requested) disagrees with the \(worldSize) process(es) that the launcher started; "
          + "omit --np under mpirun or srun, or give \(worldSize)")
    }
  }

  private static func evidenceOfMore(_ environment: LaunchEnvironment) -> String? {
    for name in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"] {
      if let count = environment.number(name), count > 1 {
        return "the environment says \(count) processes (\(name)=\(count))"
      }
    }
    for name in ["PMIX_RANK", "PMI_RANK"] {
      if let rank = environment.number(name), rank > 0 {
        return "the environment says this is process number \(rank) (\(name)=\(rank))"
      }
    }
    // Batch scripts have SLURM_NTASKS too; only a process started by srun belongs to a step.
    if let count = environment.number("SLURM_NTASKS"), count > 1,
      environment.has("SLURM_PROCID") || environment.has("SLURM_STEP_ID")
    {
      return "srun started \(count) processes (SLURM_NTASKS=\(count))"
    }
    return nil
  }
}
