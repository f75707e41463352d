// What the log says of ranks and threads that do not fit, and how many threads a rank takes.

import Launching
import TrainingState
import Testing

@testable import Capacity
@testable import RunPlanning
@testable import TrainerProgram

@Suite struct JobShapeTests {
  private func notes(
    _ hosts: [(ranks: Int, processors: Int)], threads: Int, given: Bool = true, usable: Int = 64,
    source: String? = nil, _ arguments: String = ""
  ) throws -> [String] {
    let shape = JobShape(
      hosts: hosts.enumerated().map {
        JobShape.Host(name: "host\($0 + 1)", ranks: $1.ranks, processors: $1.processors)
      },
      threads: threads, threadsSource: source, areThreadsGiven: given, usableCount: usable)
    return shape.notes(for: try configuration(arguments))
  }

  /// Eight leaves of four, the default.
  @Test func whatFitsIsNotNoted() throws {
    for (ranks, threads) in [(1, 1), (1, 8), (2, 4), (8, 1), (3, 3)] {
      #expect(try notes([(ranks, 64)], threads: threads).isEmpty, "\(ranks) x \(threads)")
    }
    #expect(try notes([(4, 4), (4, 4)], threads: 1, usable: 4).isEmpty)
  }

  @Test(arguments: [
    (
      [(ranks: 10, processors: 64)], 1, "",
      "2 of 10 ranks own no leaf: choose --micro-batch-size 3 to use more"
    ),
    (
      [(ranks: 10, processors: 64)], 1, "--batch-size 8 --micro-batch-size 1",
      "a batch of 8 has no more to give"
    ),
    ([(ranks: 1, processors: 64)], 16, "", "8 of 16 threads of a rank have no leaf, as it owns 8 leaves: "),
    (
      [(ranks: 2, processors: 64)], 8, "",
      "owns at most 4 leaves: choose --micro-batch-size 2 to use more of them"
    ),
    ([(ranks: 2, processors: 64)], 8, "", "or --threads 4"),
    (
      [(ranks: 64, processors: 2)], 1, "--batch-size 64 --micro-batch-size 1",
      "64 ranks share 2 processors of host1"
    ),
    (
      [(ranks: 64, processors: 2)], 1, "--batch-size 64 --micro-batch-size 1",
      ": 2 ranks, or a rank a host with"
    ),
    (
      [(ranks: 2, processors: 4), (ranks: 3, processors: 1)], 1, "",
      "3 ranks share 1 processor of host2 and take"
    ),
  ])
  func whatDoesNotFitIsNotedOnce(
    hosts: [(ranks: Int, processors: Int)], threads: Int, arguments: String, part: String
  ) throws {
    let lines = try notes(hosts, threads: threads, arguments)
    #expect(lines.count == 1 && lines[0].contains(part), "\(lines)")
  }

  /// Nobody has asked for the threads of a default: a batch of one that has nothing to give is not worth a line.
  @Test func defaultsAreNotedWhereSomethingHelps() throws {
    #expect(try notes([(1, 16)], threads: 16, given: false).count == 1)
    #expect(try notes([(1, 16)], threads: 16, given: false, "--preset names").isEmpty)
    #expect(try notes([(1, 16)], threads: 16, given: true, "--preset names").count == 1)
  }

  @Test func moreThreadsThanProcessorsAreNoted() throws {
    let lines = try notes([(1, 64)], threads: 2, usable: 1)
    #expect(lines.count == 1 && lines[0].contains("2 threads share 1 processor, "), "\(lines)")
  }

  @Test func whoHasChosenTheThreadsIsNoted() throws {
    let lines = try notes([(1, 64)], threads: 3, given: false, source: "SLURM_CPUS_PER_TASK=3")
    #expect(
      lines.count == 1
        && lines[0].hasPrefix("3 threads a rank, this job's share (SLURM_CPUS_PER_TASK=3), of the 64 "),
      "\(lines)")
  }

  /// Never more than the mask allows, nor than the job has.
  @Test(arguments: [
    (["SLURM_CPUS_PER_TASK": "3", "SLURM_CPUS_ON_NODE": "6"], 2, 3),
    (["SLURM_CPUS_PER_TASK": "3", "SLURM_CPUS_ON_NODE": "6"], 1, 3),
    (["SLURM_CPUS_PER_TASK": "4", "SLURM_CPUS_ON_NODE": "4"], 4, 1),
    (["SLURM_CPUS_PER_TASK": "32", "SLURM_CPUS_ON_NODE": "64"], 1, 8),
    (["SLURM_CPUS_ON_NODE": "4"], 2, 2), (["SLURM_CPUS_ON_NODE": "2"], 4, 1),
    ([:], 4, 4),
  ])
  func threadsAreTheShareOfTheJob(variables: [String: String], localSize: Int, threads: Int) throws {
    let allocation = SlurmAllocation(variables.merging(["SLURM_JOB_ID": "1"]) { $1 })
    let plan = try TrainerProgramTests.plan("")
    let settings = plan.settings(
      localSize: localSize, processorCount: 16, usableCount: 8, allocation: allocation)
    #expect(settings.threads == threads)
    let given = try TrainerProgramTests.plan("--threads 7").settings(
      localSize: localSize, processorCount: 16, usableCount: 8, allocation: allocation)
    #expect(given.threads == 7)
  }
}
