// Rows 4 and 5: signals ask for checkpoints and for an end that can be resumed.

import Foundation
import Platform
import ProcessSupport
import Synchronization
import Testing

@Suite(.needsMpirun)
struct SignalTests {
  /// To the launcher, to a rank of a one-rank training, and straight to mpirun, whose own status is 1 then.
  @Test(arguments: [
    ("launcher", SIGTERM), ("launcher", SIGINT), ("launcher", SIGUSR2), ("alone", SIGTERM),
    ("mpirun", SIGTERM), ("mpirun", SIGUSR2), ("launcher", SIGHUP), ("alone", SIGHUP),
  ])
  func stopSignals(target: String, signal: Int32) throws {
    var row = FaultRow(
      signal == SIGUSR2 ? 5 : 4,
      signal == SIGUSR2
        ? "SIGUSR2 to launcher, mpirun: saved, stopped, resumable"
        : "SIGTERM, SIGHUP, SIGINT to launcher, mpirun, lone rank: saved, resumable")
    let course = try Course()
    // mpirun passes SIGTERM on after a second.
    let slow = "slow:rank=0,step=1,ms=\(target == "mpirun" ? 50 : 20)"
    let job =
      switch target {
      case "launcher": try course.launch(ranks: 2, fault: slow)
      case "mpirun": try course.start(ranks: 2, fault: slow)
      default: try course.start(ranks: 1, fault: slow)
      }
    try job.waitForStep(7)
    job.survey()
    let start = ContinuousClock.now
    kill(job.pid, signal)
    let status = job.end()
    let left = job.remains(after: Effort.cleanSeconds)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let isMpirunsOwn = target == "mpirun" && signal == SIGTERM
    #expect(status == (isMpirunsOwn ? 1 : ExitStatus.resumable), "\(job.text)")
    #expect(job.text.contains("resum") && course.hasCheckpoint && left.what.isEmpty, "\(job.text)")
    if Effort.isLong { #expect(seconds < 4) }
    let isEqual = try course.finishes(ranks: 3)
    row.add(survived: isEqual, equal: isEqual, seconds: seconds)
    row.report()
  }

  /// A step or a validation that outlasts mpirun's window: the last finished step is what is saved.
  @Test(arguments: ["late:rank=1,step=17", "late:rank=0,step=17", "late-in-validation:rank=0,step=14"])
  func terminationInALongPhase(fault: String) throws {
    var row = FaultRow(4, "SIGTERM to mpirun in a step or validation of 4 s: last finished step saved")
    let course = try Course()
    let lateStep = fault.contains("validation") ? 14 : 16
    let job = try course.start(ranks: 2, ["--checkpoint-interval", "0"], fault: fault)
    try job.waitForStep(lateStep)
    usleep(100_000)
    job.survey()
    let start = ContinuousClock.now
    kill(job.pid, SIGTERM)
    #expect(job.end() == 1, "\(job.text)")
    let left = job.remains(after: Effort.cleanSeconds)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    #expect(left.what.isEmpty, "\(left.what)")
    #expect(
      job.text.contains(
        "SIGTERM: the state after step \(lateStep) is saved, not compared with the other ranks, and resumable"
      ),
      "\(job.text)")
    let isEqual = try course.finishes(ranks: 1, saying: Self.note(step: lateStep))
    row.add(survived: isEqual, equal: isEqual, seconds: seconds)
    row.report()
  }

  /// What a training says that goes on from such a state.
  private static func note(step: Int) -> String {
    "the state after step \(step) was saved as a last resort: its weights were not compared"
  }

  enum Peer: CaseIterable { case spinning, stopped }

  /// Rank 0 waits for a peer that never compares its weights: no lock is held over a collective, so the finished
  /// step is saved inside mpirun's window. mpirun continues its ranks before it ends them; a stopped one must
  /// not wake.
  @Test(arguments: Peer.allCases) func terminationInAComparison(peer: Peer) throws {
    var row = FaultRow(
      4, "SIGTERM to mpirun, a peer spins or is stopped in a comparison: finished step saved")
    let course = try Course()
    let step = 20
    let job = try course.start(
      ranks: 2, ["--checkpoint-interval", "0"], fault: "spin-in-comparison:rank=1,step=\(step)")
    try #require(
      job.wait(until: { job.text.contains("fault: rank 1 spins in the comparison of step \(step)") }),
      "\(job.text)")
    // Rank 0 has got the same sums, and needs no more for this step.
    usleep(500_000)
    job.survey()
    let ranks = job.ranks
    try #require(ranks.count == 2)
    let stopper = try peer == .stopped ? Stopper(ranks[1]) : nil
    let start = ContinuousClock.now
    kill(job.pid, SIGTERM)
    #expect(job.end() == 1, "\(job.text)")
    stopper?.end()
    let left = job.remains(after: Effort.cleanSeconds)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    #expect(left.what.isEmpty, "\(left.what)")
    #expect(
      job.text.contains(
        "SIGTERM: the state after step \(step) is saved, not compared with the other ranks, and resumable"),
      "\(job.text)")
    #expect(course.hasCheckpoint)
    if Effort.isLong { #expect(seconds < 4) }
    let isEqual = try course.finishes(
      ranks: 1, saying: Self.note(step: step))
    row.add(survived: isEqual, equal: isEqual, seconds: seconds)
    row.report()
  }

  /// However many ranks see the signal at however many steps.
  @Test func oneUserSignalOneCheckpoint() throws {
    var row = FaultRow(5, "SIGUSR1 to mpirun: one checkpoint, training goes on")
    let course = try Course()
    let job = try course.start(
      ranks: 3, ["--checkpoint-interval", "0", "--keep", "9"], fault: "slow:rank=0,step=1")
    try job.waitForStep(5)
    kill(job.pid, SIGUSR1)
    #expect(job.end() == 0, "\(job.text)")
    let saved = course.outputs.filter { $0.contains("step-") && !$0.contains("000042") }
    #expect(saved.count == 1, "\(course.outputs)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }
}

/// Stops a process again and again, whoever continues it.
private final class Stopper: Sendable {
  private let hasEnded = Mutex(false)

  init(_ process: pid_t) throws {
    let start = try #require(ProcessIdentity.startTime(of: process))
    Thread.detachNewThread { [self] in
      // Its number may be another's later.
      while !hasEnded.withLock({ $0 }), ProcessIdentity.startTime(of: process) == start {
        kill(process, SIGSTOP)
        usleep(5_000)
      }
    }
  }

  func end() { hasEnded.withLock { $0 = true } }
}
