// Row 31: disks and readers that are slow, or that never answer. They hold up what needs them, and are no hung rank.

import Foundation
import Platform
import ProcessSupport
import Testing

@Suite(.needsMpirun) struct SlowDiskTests {
  /// Beyond the hang timeout of 2 s, also under mpirun with one rank, which a watchdog watches.
  private func start(_ course: Course, ranks: Int, _ extra: [String], fault: String) throws -> Job {
    try Job(
      Course.program, course.options(["--hang-timeout", "2"] + extra), ranks: ranks,
      environment: Course.variables(fault: fault))
  }

  /// Each of a save's three phases takes 0.9 s: the second save waits for the first, the end for the last.
  @Test(arguments: [1, 3]) func slowSaves(ranks: Int) throws {
    var row = FaultRow(31, "saves of 2.7 s, --hang-timeout 2: no rank is hung, same bits")
    let course = try Course()
    let job = try start(
      course, ranks: ranks, ["--checkpoint-interval", "20"], fault: "slow-disk:rank=0,step=20,ms=900")
    #expect(job.end() == ExitStatus.success, "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  /// Had a step to wait for the metrics' disk, the other ranks would take rank 0 for hung.
  @Test(arguments: [1, 3]) func slowMetrics(ranks: Int) throws {
    var row = FaultRow(31, "a write of metrics takes 3 s, --hang-timeout 2: no step waits, same bits")
    let course = try Course()
    let job = try start(
      course, ranks: ranks, ["--checkpoint-interval", "0"], fault: "slow-metrics:rank=0,step=1,ms=3000")
    #expect(job.end() == ExitStatus.success, "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  /// The reader of the log sleeps while more is written than pipes hold; then it gets every line in order.
  @Test(arguments: [1, 3]) func aReaderThatSleeps(ranks: Int) throws {
    var row = FaultRow(
      31, "reader of the log sleeps for 6 s, --hang-timeout 2: every line in order")
    let course = try Course()
    let mpirun = try #require(Job.mpirun)
    let command =
      [mpirun, "-np", String(ranks), "--oversubscribe", "--bind-to", "none", Course.program]
      + course.options(["--hang-timeout", "2", "--num-steps", "3000", "--checkpoint-interval", "0"])
    let script = "set -o pipefail; \(command.map(shellQuoted).joined(separator: " ")) | (sleep 6; cat)"
    let job = try Job(command: ["/bin/bash", "-c", script])
    #expect(job.end() == ExitStatus.success, "\(job.errors)")
    let steps = job.output.split(separator: "\n").filter { $0.contains("| lr ") }.compactMap { line in
      line.split(separator: "|")[1].split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }
    #expect(steps == Array(1...3_000), "\(steps.count) lines")
    row.add(survived: steps.count == 3_000)
    row.report()
  }

  /// Asked to stop while the disk never answers: the job ends, says why, and keeps what it had.
  @Test(.enabled(if: Effort.isLong, "takes half a minute")) func aDiskThatNeverAnswers() throws {
    var row = FaultRow(31, "disk never answers, SIGUSR2: ends within 30 s, last checkpoint intact")
    let course = try Course()
    let job = try start(course, ranks: 2, [], fault: "slow-disk:rank=0,step=20,ms=1000000")
    #expect(job.wait(until: { job.text.contains("waiting for the disk of checkpoint") }), "\(job.text)")
    kill(job.pid, SIGUSR2)
    #expect(job.end() == ExitStatus.failure, "\(job.text)")
    #expect(job.text.contains("takes more than 30 s; ending without it"), "\(job.text)")
    let isEqual = try course.finishes(ranks: 1)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }
}
