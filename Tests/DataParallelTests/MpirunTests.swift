// The real thing: data-parallel-check under mpirun, healthy and hurt. Skipped, visibly, where mpirun is
// missing.

import Glibc
import Platform
import ProcessSupport
import Testing

@testable import data_parallel_check

@Suite(.serialized, .needsMpirun) struct MpirunTests {
  private func check(ranks: Int? = nil, _ arguments: String...) throws -> Job {
    try Job("data-parallel-check", arguments, ranks: ranks)
  }

  /// Waits until rank 0 says that the loop has begun.
  private func isRunning(_ job: Job) -> Bool { job.wait(until: { job.text.contains("running") }) }

  @Test(arguments: [1, 2, 3, 4, 5, 8]) func everyWorldSizeGivesTheBitsOfTheTree(ranks: Int) throws {
    try expectTheBitsOfTheTree(try check(ranks: ranks, "exchange"))
  }

  /// Where the size of files is limited, ranks share no memory: each counts as a host of its own.
  @Test(arguments: [2, 3, 5]) func withoutSharedMemoryTheBitsAreTheSame(ranks: Int) throws {
    let limited = [
      "sh", "-c", "ulimit -f 1000000; exec \"$@\"", "sh", Job.path(of: "data-parallel-check"), "exchange",
    ]
    let mpirun = try #require(Job.mpirun)
    try expectTheBitsOfTheTree(
      try Job(command: [mpirun, "-np", "\(ranks)", "--oversubscribe", "--bind-to", "none"] + limited))
  }

  private func expectTheBitsOfTheTree(_ job: Job) throws {
    #expect(job.end() == ExitStatus.success)
    let lines = job.lines.filter { $0.hasPrefix("leaves ") }
    let expected = KnownLeaves.cases.map { known in
      let sum = KnownLeaves.sum(
        leafCount: known.leafCount, elementCount: known.elementCount, precision: known.precision)
      return KnownLeaves.line(known, hash: KnownLeaves.hash(sum, count: sum.count))
    }
    #expect(lines == expected, "output: \(job.text)")
  }

  @Test func withoutMpirunThereIsNoMPI() throws {
    let job = try check("loop", "0", "5")
    #expect(job.end() == ExitStatus.success)
    #expect(job.text.contains("stopped"))
  }

  @Test func aStuckRankIsNamed() throws {
    let job = try check(ranks: 3, "stuck", "1", "3")
    #expect(job.end() == ExitStatus.failure)
    #expect(job.text.contains("no sign of rank 1 ("), "output: \(job.text)")
    #expect(job.text.contains("waiting for records, step 3"))
  }

  /// Far beyond the hang timeout of a second: rank 0 says that it lives, and after two seconds what it waits for.
  @Test(arguments: [1, 3]) func workOfRankZeroIsWaitedFor(ranks: Int) throws {
    let job = try check(ranks: ranks, "root-work", "6", "0")
    #expect(job.end() == ExitStatus.success, "output: \(job.text)")
    #expect(
      job.text.contains("worked") && job.text.contains("note: waiting for a sleep, for "), "\(job.text)")
  }

  @Test func aRequestToStopEndsTheWaiting() throws {
    let job = try check(ranks: 2, "root-work", "100", "2")
    #expect(job.end(within: 60) == ExitStatus.failure, "output: \(job.text)")
    #expect(job.text.contains("asked to stop, but waiting for a sleep takes more than 2 s"), "\(job.text)")
  }

  @Test func anErrorInRankZerosWorkEndsAll() throws {
    let job = try check("launch", "3", "root-fails")
    #expect(job.end() == ExitStatus.usage, "output: \(job.text)")
    #expect(job.errorLines == ["error: bad on rank 0"], "\(job.text)")
  }

  /// Ranks that are longer at work than the hang timeout live, and say how far they are.
  @Test(arguments: [1, 3]) func workOnEveryRankIsWaitedFor(ranks: Int) throws {
    let job = try check(ranks: ranks, "each-work", "4")
    #expect(job.end() == ExitStatus.success, "output: \(job.text)")
    #expect(job.text.contains("all have worked") && job.text.contains("rank 0 at work"), "\(job.text)")
  }

  @Test func anErrorInAnyRanksWorkEndsAll() throws {
    let job = try check("launch", "3", "each-work", "30", "2")
    #expect(job.end(within: 25) == ExitStatus.usage, "output: \(job.text)")
    #expect(
      job.errorLines.filter { $0.hasPrefix("error:") } == ["error: rank 2 has a bad file"], "\(job.text)")
  }

  @Test(arguments: [(2, 0), (2, 1), (3, 100_000), (4, 20_000_003)])
  func bytesReachThoseWhoLackThem(ranks: Int, count: Int) throws {
    let job = try check(ranks: ranks, "stream", String(count))
    #expect(job.end() == ExitStatus.success, "output: \(job.text)")
    #expect(job.text.contains("all have \(count) bytes"), "\(job.text)")
  }

  @Test func aReceiverThatCannotWriteEndsAll() throws {
    let job = try check("launch", "4", "stream", "20000003", "3")
    #expect(job.end() == ExitStatus.usage, "output: \(job.text)")
    #expect(job.errorLines == ["error: the disk of a rank is full"], "\(job.text)")
  }

  @Test func aStoppedRankIsNamed() throws {
    let job = try check(ranks: 2, "loop", "60", "3")
    try #require(isRunning(job))
    let ranks = job.ranks
    try #require(ranks.count == 2)
    kill(ranks[1], SIGSTOP)
    #expect(job.end() == ExitStatus.failure)
    #expect(job.text.contains("pid \(ranks[1])) for 3 s"), "output: \(job.text)")
  }

  @Test func aJobStoppedAsAWholeGoesOn() throws {
    let job = try check("launch", "2", "loop", "60", "3")
    try #require(isRunning(job))
    let ranks = job.ranks
    try #require(ranks.count == 2)
    for rank in ranks { kill(rank, SIGSTOP) }
    sleep(5)
    for rank in ranks { kill(rank, SIGCONT) }
    sleep(1)
    kill(job.pid, SIGUSR2)
    #expect(job.end() == ExitStatus.resumable, "output: \(job.text)")
    #expect(job.text.contains("checkpoint") && job.text.contains("stopped"))
  }

  @Test func nothingStaysWhenMpirunIsKilled() throws {
    let job = try check(ranks: 3, "loop", "60", "30")
    try #require(isRunning(job))
    let ranks = job.ranks
    try #require(ranks.count == 3)
    // A rank maps the segment of a peer when it first talks to it.
    var segments: Set<String> = []
    let areThere = job.wait(until: {
      segments = Job.segments(of: ranks[0])
      return segments.count == 3 && segments.allSatisfy { access($0, F_OK) == 0 }
    })
    #expect(areThere, "segments of a running job: \(segments)")
    kill(job.pid, SIGKILL)
    // Within 2 s is what is promised, and what scripts/faults.sh holds the program to; here all suites share
    // the cores.
    let areGone = waitUntil(seconds: 30) { !ranks.contains(where: Job.isRunning) }
    #expect(areGone, "ranks outlive mpirun")
    for segment in segments { #expect(access(segment, F_OK) != 0, "\(segment) is left") }
  }

  @Test func theLauncherPassesSignalsInAndTheStatusOut() throws {
    let job = try check("launch", "2", "loop", "60", "30")
    try #require(isRunning(job))
    kill(job.pid, SIGUSR1)
    #expect(job.wait(until: { job.text.contains("checkpoint") }))
    #expect(!job.text.contains("stopped"))
    kill(job.pid, SIGTERM)
    #expect(job.end() == ExitStatus.resumable, "output: \(job.text)")
    #expect(job.text.contains("stopped"))
  }

  @Test func theJobEndsWithItsLauncher() throws {
    let job = try check("launch", "2", "loop", "60", "30")
    try #require(isRunning(job))
    let mpirun = try #require(job.children.first)
    kill(job.pid, SIGKILL)
    #expect(waitUntil(seconds: 30) { !Job.isRunning(mpirun) }, "mpirun outlives its launcher")
  }

  @Test func badInputComesOutAsStatusTwo() throws {
    #expect(try check("launch", "2", "nonsense").end() == ExitStatus.usage)
  }

  @Test func ranksWithOtherDataAreNamedAtStart() throws {
    let job = try check("launch", "3", "disagree")
    #expect(job.end() == ExitStatus.usage)
    #expect(
      job.text.contains("the ranks do not agree: data is aa on rank 0 ("), "output: \(job.text)")
    #expect(job.text.contains("but bb on rank 1, 2 ("))
  }

  @Test func aDivergedReplicaIsNamed() throws {
    let job = try check("launch", "3", "diverge")
    #expect(job.end() == ExitStatus.failure)
    #expect(job.text.contains("weights differ between ranks at step 7: rank 1 ("), "output: \(job.text)")
  }

  @Test func theSupervisorResumesAfterADeath() throws {
    let job = try check("supervise", "2", "die", "1")
    #expect(job.end() == ExitStatus.success)
    #expect(job.text.contains("restart 1 of 2") && job.text.contains("stopped"), "output: \(job.text)")
  }
}
