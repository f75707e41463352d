// Was this process started as one of several that MPI does not know of?

import Platform

/// Detects a job that runs as N silent copies of one rank because the launcher and MPI do not know each
/// other.
public enum WorldCheck {
  /// - Parameter requested: the `--np` of the command line, if given.
  /// - Throws: `InvalidInput` if the launcher started more processes than MPI counts, or the world is not of
  ///   the requested size.
  public static func verify(
    worldSize: Int, environment: LaunchEnvironment, requested: Int? = nil
  ) throws {
    if worldSize == 1, let evidence = environment.evidenceOfMore {
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
}
