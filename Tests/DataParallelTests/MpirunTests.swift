// The real thing: data-parallel-check under mpirun, healthy and hurt. Skipped, visibly, where mpirun is
// missing.

import Platform
import Foundation
import Testing

@testable import DataParallel
@testable import data_parallel_check

private let mpirun = Launcher.find("mpirun", in: ProcessInfo.processInfo.environment["PATH"] ?? "")

/// The executable that SwiftPM puts next to the test bundle.
private let checkProgram = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
  .deletingLastPathComponent().appendingPathComponent("data-parallel-check").path

/// A process whose output is collected; ended after `limit` seconds whatever happens.
private final class Run {
  let process = Process()
  private let output = FileManager.default.temporaryDirectory
    .appendingPathComponent("data-parallel-\(UUID().uuidString)")

  init(_ program: String, _ arguments: [String]) throws {
    try Data().write(to: output)
    let handle = try FileHandle(forWritingTo: output)
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging([
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    ]) { $1 }
    process.standardOutput = handle
    process.standardError = handle
    process.standardInput = FileHandle.nullDevice
    try process.run()
  }

  /// Under mpirun.
  convenience init(ranks: Int, _ arguments: [String]) throws {
    try self.init(
      #require(mpirun),
      ["-np", String(ranks), "--oversubscribe", "--bind-to", "none", checkProgram] + arguments)
  }

  deinit { try? FileManager.default.removeItem(at: output) }

  var text: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }

  /// A process that has ended and that its parent has not asked about yet (a zombie) does not run.
  static func isRunning(_ process: pid_t) -> Bool {
    let state = Leftovers.read("/proc/\(process)/stat")
    return !state.isEmpty && !state.contains(") Z ")
  }

  func wait(until condition: () -> Bool, seconds: Double = 60) -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      if condition() { return true }
      usleep(20_000)
    }
    return condition()
  }

  func status(within seconds: Double = 60) throws -> Int32 {
    if !wait(until: { !process.isRunning }, seconds: seconds) {
      kill(process.processIdentifier, SIGKILL)
      Issue.record("still running after \(seconds) s: \(text)")
    }
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Direct children: under mpirun, the ranks of this host.
  var children: [pid_t] { Self.children(of: process.processIdentifier) }

  static func children(of pid: pid_t) -> [pid_t] {
    let text = try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
    return (text ?? "").split(separator: " ").compactMap { pid_t($0) }
  }
}

@Suite(.serialized, .enabled(if: mpirun != nil, "mpirun is not installed"))
struct MpirunTests {
  @Test(arguments: [1, 2, 3, 4, 5, 8]) func everyWorldSizeGivesTheBitsOfTheTree(ranks: Int) throws {
    let run = try Run(ranks: ranks, ["exchange"])
    #expect(try run.status() == ExitStatus.success)
    let lines = run.text.split(separator: "\n").filter { $0.hasPrefix("leaves ") }.map(String.init)
    let expected = KnownLeaves.cases.map { known in
      let sum = canonicalReference(leafCount: known.leafCount, elementCount: known.elementCount)
      let hash = KnownLeaves.hash(sum, count: sum.count)
      return KnownLeaves.line(leafCount: known.leafCount, elementCount: known.elementCount, hash: hash)
    }
    #expect(lines == expected, "output: \(run.text)")
  }

  @Test func withoutMpirunThereIsNoMPI() throws {
    let run = try Run(checkProgram, ["loop", "0", "5"])
    #expect(try run.status() == ExitStatus.success)
    #expect(run.text.contains("stopped"))
  }

  @Test func aStuckRankIsNamed() throws {
    let run = try Run(ranks: 3, ["stuck", "1", "3"])
    #expect(try run.status(within: 60) == ExitStatus.failure)
    #expect(run.text.contains("no sign of rank 1 ("), "output: \(run.text)")
    #expect(run.text.contains("waiting for records, step 3"))
  }

  @Test func aStoppedRankIsNamed() throws {
    let run = try Run(ranks: 2, ["loop", "60", "3"])
    try #require(run.wait(until: { run.text.contains("running") }))
    let ranks = run.children
    try #require(ranks.count == 2)
    kill(ranks[1], SIGSTOP)
    #expect(try run.status(within: 60) == ExitStatus.failure)
    #expect(run.text.contains("pid \(ranks[1])) for 3 s"), "output: \(run.text)")
  }

  @Test func aJobStoppedAsAWholeGoesOn() throws {
    // Through the launcher, because Foundation's Process may start mpirun with signals blocked.
    let run = try Run(checkProgram, ["launch", "2", "loop", "60", "3"])
    try #require(run.wait(until: { run.text.contains("running") }))
    let ranks = Run.children(of: try #require(run.children.first))
    try #require(ranks.count == 2)
    for rank in ranks { kill(rank, SIGSTOP) }
    sleep(5)
    for rank in ranks { kill(rank, SIGCONT) }
    sleep(1)
    kill(run.process.processIdentifier, SIGUSR2)
    #expect(try run.status(within: 60) == ExitStatus.resumable, "output: \(run.text)")
    #expect(run.text.contains("checkpoint") && run.text.contains("stopped"))
  }

  @Test func nothingStaysWhenMpirunIsKilled() throws {
    let run = try Run(ranks: 3, ["loop", "60", "30"])
    try #require(run.wait(until: { run.text.contains("running") }))
    let ranks = run.children
    try #require(ranks.count == 3)
    // A rank maps the segment of a peer when it first talks to it.
    var segments: Set<String> = []
    #expect(
      run.wait(
        until: {
          segments = Leftovers.mappedSegments(maps: Leftovers.read("/proc/\(ranks[0])/maps"))
          return segments.count == 3 && segments.allSatisfy { access($0, F_OK) == 0 }
        }, seconds: 20), "segments of a running job: \(segments)")
    kill(run.process.processIdentifier, SIGKILL)
    // Within 2 s is what is promised, and what scripts/faults.sh holds the program to; here all suites share the
    // cores.
    let areGone = run.wait(until: { !ranks.contains(where: Run.isRunning) }, seconds: 15)
    #expect(areGone, "ranks outlive mpirun")
    for segment in segments { #expect(access(segment, F_OK) != 0, "\(segment) is left") }
  }

  @Test func theLauncherPassesSignalsInAndTheStatusOut() throws {
    let run = try Run(checkProgram, ["launch", "2", "loop", "60", "30"])
    try #require(run.wait(until: { run.text.contains("running") }))
    kill(run.process.processIdentifier, SIGUSR1)
    #expect(run.wait(until: { run.text.contains("checkpoint") }, seconds: 30))
    #expect(!run.text.contains("stopped"))
    kill(run.process.processIdentifier, SIGTERM)
    #expect(try run.status(within: 60) == ExitStatus.resumable, "output: \(run.text)")
    #expect(run.text.contains("stopped"))
  }

  @Test func theJobEndsWithItsLauncher() throws {
    let run = try Run(checkProgram, ["launch", "2", "loop", "60", "30"])
    try #require(run.wait(until: { run.text.contains("running") }))
    let job = try #require(run.children.first)
    kill(run.process.processIdentifier, SIGKILL)
    #expect(run.wait(until: { !Run.isRunning(job) }, seconds: 15), "mpirun outlives its launcher")
  }

  @Test func badInputComesOutAsStatusTwo() throws {
    #expect(try Run(checkProgram, ["launch", "2", "nonsense"]).status() == ExitStatus.usage)
  }

  @Test func ranksWithOtherDataAreNamedAtStart() throws {
    let run = try Run(checkProgram, ["launch", "3", "disagree"])
    #expect(try run.status() == ExitStatus.usage)
    #expect(
      run.text.contains("the ranks do not agree: data is aa on rank 0 ("), "output: \(run.text)")
    #expect(run.text.contains("but bb on rank 1, 2 ("))
  }

  @Test func aDivergedReplicaIsNamed() throws {
    let run = try Run(checkProgram, ["launch", "3", "diverge"])
    #expect(try run.status() == ExitStatus.failure)
    #expect(run.text.contains("weights differ between ranks at step 7: rank 1 ("), "output: \(run.text)")
  }

  @Test func theSupervisorResumesAfterADeath() throws {
    let run = try Run(checkProgram, ["supervise", "2", "die", "1"])
    #expect(try run.status() == ExitStatus.success)
    #expect(run.text.contains("restart 1 of 2") && run.text.contains("stopped"), "output: \(run.text)")
  }
}
