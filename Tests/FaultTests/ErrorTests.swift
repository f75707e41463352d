// Rows 9, 10, 21: a rank that fails, numbers that are none, replicas that part: all stop, one line says why.

import Foundation
import Platform
import ProcessSupport
import Testing

@Suite(.needsMpirun)
struct ErrorTests {
  @Test(arguments: [
    (9, "throw", "step 21: injected failure on rank 1"),
    (10, "nan-loss", "step 21: the loss is not a finite number on rank 1 ("),
    (10, "nan-gradient", "step 21: the gradient of blocks/1/mlp_fc1 is not a finite number on rank 1 ("),
    (
      10, "nan-weight",
      "step 21: the loss (its weights are not: blocks/1/mlp_fc1) is not a finite number on rank 1"
    ),
    (10, "diverge", "the weights differ between ranks at step 25: rank 1 ("),
  ])
  func oneLineOfCause(number: Int, kind: String, cause: String) throws {
    var row = FaultRow(
      number,
      number == 9
        ? "error thrown on one of three ranks: one line of cause"
        : "NaN in loss, gradient or weight, diverged replica: named, nothing bad saved")
    let course = try Course()
    let job = try course.start(ranks: 3, fault: "\(kind):rank=1,step=21")
    // It happens milliseconds before this step's line would come.
    try job.waitForStep(15)
    job.survey()
    let start = ContinuousClock.now
    #expect(job.end() == ExitStatus.failure, "\(job.text)")
    let left = job.remains(after: Effort.cleanSeconds)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    #expect(left.what.isEmpty, "\(left.what)")
    if Effort.isLong { #expect(seconds < 2.5) }
    #expect(job.errorLines.count == 1 && job.errorLines.first?.contains(cause) == true, "\(job.text)")
    #expect(job.errorLines.first?.contains("rank 1 (\(Machine.hostName), pid ") == true, "\(job.text)")
    // Nothing bad was saved, also not between a divergence and its discovery.
    let isEqual = try course.finishes(ranks: 2)
    row.add(survived: isEqual, equal: isEqual, seconds: seconds)
    row.report()
  }

  @Test func aSlowRankIsNamedAndChangesNoBits() throws {
    var row = FaultRow(21, "straggler named, same bits")
    let course = try Course()
    // So slow that it stands out on a busy machine, where every rank waits for a core.
    let job = try course.start(ranks: 3, fault: "slow:rank=1,step=1,ms=300")
    #expect(job.end() == 0)
    #expect(job.text.contains("note       rank 1 ("), "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  /// Row 6: stopped or spinning, named by the survivors within the timeout.
  @Test(arguments: ["stop", "spin"]) func aHungRankIsNamed(kind: String) throws {
    var row = FaultRow(6, "rank stopped or spinning, `--hang-timeout 3`: named, job ends")
    let course = try Course()
    let job = try course.start(ranks: 3, ["--hang-timeout", "3"], fault: "\(kind):rank=1,step=21")
    try job.waitForStep(20)
    job.survey()
    let start = ContinuousClock.now
    #expect(job.end() == ExitStatus.failure, "\(job.text)")
    let left = job.remains(after: Effort.cleanSeconds)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    #expect(left.what.isEmpty, "\(left.what)")
    if Effort.isLong { #expect(seconds < 3 + 3) }
    let naming = job.errorLines.filter {
      $0.contains("no sign of rank 1 (") && $0.contains("for 3 s in phase waiting for records, step 21")
        || $0.contains("no progress for 3 s in phase data, step 21")
    }
    #expect(!naming.isEmpty && naming.count == job.errorLines.count, "\(job.text)")
    let isEqual = try course.finishes(ranks: 2)
    row.add(survived: isEqual, equal: isEqual, seconds: seconds)
    row.report()
  }

  @Test func aJobPausedAsAWholeGoesOn() throws {
    var row = FaultRow(6, "whole job stopped for 4 s and continued, `--hang-timeout 3`: goes on")
    let course = try Course()
    let job = try course.start(
      ranks: 2, ["--hang-timeout", "3"], fault: "slow:rank=0,step=1")
    try job.waitForStep(5)
    let ranks = job.ranks
    #expect(ranks.count == 2)
    for rank in ranks { kill(rank, SIGSTOP) }
    usleep(4_200_000)
    for rank in ranks { kill(rank, SIGCONT) }
    #expect(job.end() == 0, "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }
}
