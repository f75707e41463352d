// Which variables are about this process, and what follows from them, without starting anything.

import Platform
import Testing

@testable import Launching

@Suite struct WorldCheckTests {
  @Test(arguments: [
    ["SLURM_NTASKS": "2", "SLURM_STEP_ID": "0"],
    ["SLURM_STEP_NUM_TASKS": "2"], ["PMI_SIZE": "3"], ["PMIX_RANK": "1"], ["PMI_RANK": "2"],
    ["OMPI_COMM_WORLD_SIZE": "2"], ["MV2_COMM_WORLD_SIZE": "8"],
  ])
  func silentCopiesAreRefused(variables: [String: String]) {
    #expect(throws: InvalidInput.self) {
      try WorldCheck.verify(worldSize: 1, environment: LaunchEnvironment(variables))
    }
    // MPI that found the others is fine.
    #expect(throws: Never.self) {
      try WorldCheck.verify(worldSize: 4, environment: LaunchEnvironment(variables))
    }
  }

  @Test(arguments: [
    [:], ["SLURM_NTASKS": "4"], ["SLURM_NTASKS": "1", "SLURM_PROCID": "0"], ["PMI_SIZE": "1"],
    // A batch script, and a shell of salloc's on a node.
    ["SLURM_NTASKS": "4", "SLURM_PROCID": "0"],
    ["SLURM_NTASKS": "4", "SLURM_STEP_ID": "4294967290", "SLURM_STEP_NUM_TASKS": "1"],
    // mpirun's own process on another node, whose daemon is a step.
    ["OMPI_COMM_WORLD_SIZE": "1", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2"],
    ["PMIX_RANK": "0"], ["PMI_SIZE": "many"],
  ])
  func oneProcessIsFine(variables: [String: String]) {
    #expect(throws: Never.self) {
      try WorldCheck.verify(worldSize: 1, environment: LaunchEnvironment(variables))
    }
  }

  @Test func requestedWorldMustMatchTheLauncher() {
    let mpirun = LaunchEnvironment(["OMPI_COMM_WORLD_SIZE": "2"])
    #expect(throws: InvalidInput.self) {
      try WorldCheck.verify(worldSize: 2, environment: mpirun, requested: 4)
    }
    #expect(throws: Never.self) {
      try WorldCheck.verify(worldSize: 2, environment: mpirun, requested: 2)
    }
    #expect(mpirun.startsMPI && !LaunchEnvironment(["PMI_SIZE": "2"]).startsMPI)
  }

  private static let leftByStep = [
    "SLURM_JOB_ID": "8", "SLURM_NTASKS": "2", "SLURM_PROCID": "0", "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "4", "PMIX_RANK": "3", "PMIX_NAMESPACE": "slurm.pmix.7.0",
    "PMIX_SERVER_TMPDIR": "/spool/pmix.7.0", "PMI_RANK": "1", "PMI_SIZE": "4", "PMI_FD": "11",
  ]

  private func environment(
    _ variables: [String: String], under daemon: String?, serverLives: Bool = true, isOpen: Bool = true
  ) -> LaunchEnvironment {
    LaunchEnvironment(
      variables, in: .init(stepDaemon: daemon, exists: { _ in serverLives }, isOpen: { _ in isOpen }))
  }

  /// A job that was submitted from within a step inherits all of the step's variables, and is none of its tasks.
  @Test(arguments: ["slurmstepd: [8.batch]", "slurmstepd: [8.interactive]"])
  func whatAnotherStepHasLeftIsNotOurs(daemon: String) {
    let script = environment(Self.leftByStep, under: daemon, isOpen: false)
    #expect(!script.startsMPI && script.rank == 0 && script.evidenceOfMore == nil)
  }

  /// The same words where they are true.
  @Test func aTaskOfAStepIsOneOfSeveral() {
    let task = environment(Self.leftByStep, under: "slurmstepd: [7.0]")
    #expect(task.startsMPI && task.rank == 3 && task.evidenceOfMore?.contains("4 processes") == true)
    let silent = environment(
      ["SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2"],
      under: "slurmstepd: [7.0]")
    #expect(!silent.startsMPI && silent.rank == 2)
    #expect(silent.evidenceOfMore == "srun started 4 processes (step 7.0)")
  }

  /// mpirun's folder goes with mpirun.
  @Test func aLauncherThatHasEndedHasLeftOnlyWords() {
    let words = [
      "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1", "PMIX_RANK": "1", "PMIX_NAMESPACE": "12345",
      "PMIX_SERVER_TMPDIR": "/tmp/ompi.n.0/pid.5",
    ]
    let living = environment(words, under: nil)
    #expect(living.startsMPI && living.rank == 1 && living.endsTogether)
    let left = environment(words, under: nil, serverLives: false)
    #expect(!left.startsMPI && left.rank == 0 && !left.endsTogether && left.evidenceOfMore == nil)
  }

  /// Its server takes one program only, and a shell may start several.
  @Test func aStepOfOneTaskNeedsNoMPI() {
    let words = ["SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "1", "PMIX_RANK": "0"]
    #expect(!environment(words, under: "slurmstepd: [7.0]").startsMPI)
    let ranks = words.merging(["OMPI_COMM_WORLD_SIZE": "2"]) { $1 }
    #expect(environment(ranks, under: "slurmstepd: [7.0]").startsMPI)
  }
}

@Suite struct SlurmAllocationTests {
  @Test(arguments: [
    ("2", [2]), ("2(x3),1", [2, 2, 2, 1]), ("4,2(x2),16", [4, 2, 2, 16]), ("1(x1)", [1]),
  ])
  func countsOfNodes(text: String, counts: [Int]) { #expect(SlurmAllocation.counts(text) == counts) }

  @Test(arguments: [
    "", ",", "2,", "x", "2(3)", "2(x)", "2(x0)", "2(x-1)", "2(x3", "-1", "1(x2)(x3)", "9(x99999999)",
  ])
  func whatIsNoList(text: String) { #expect(SlurmAllocation.counts(text) == nil) }

  @Test func ofAJob() {
    #expect(SlurmAllocation(["SLURM_NTASKS": "4"]) == nil)
    let job = SlurmAllocation([
      "SLURM_JOB_ID": "7", "SLURM_TASKS_PER_NODE": "2(x2),1", "SLURM_JOB_CPUS_PER_NODE": "8(x2),4",
      "SLURM_CPUS_PER_TASK": "4", "SLURM_CPUS_ON_NODE": "8",
    ])
    #expect(job?.taskCount == 5 && job?.processorCount == 20)
    #expect(job?.processorsPerTask == 4 && job?.localProcessorCount == 8)
    // Whatever is missing or garbled.
    let bare = SlurmAllocation(["SLURM_JOB_ID": "7", "SLURM_TASKS_PER_NODE": "two", "SLURM_NTASKS": "3"])
    #expect(bare?.taskCount == 3 && bare?.processorCount == 1 && bare?.processorsPerTask == nil)
  }
}
