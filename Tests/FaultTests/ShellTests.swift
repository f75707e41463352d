// Row 26: what a shell and a terminal do to a job of our own launcher. With a real terminal, and for longer:
// scripts/terminals.py.

import Foundation
import Platform
import ProcessSupport
import Testing

@Suite(.needsMpirun)
struct ShellTests {
  /// mpirun frames its messages in such a line.
  private static let box = "--------------------"

  /// At any moment of the start: a wish is neither lost nor the end of a rank that cannot hear it yet.
  @Test func anEarlyInterruptIsHeard() throws {
    var row = FaultRow(26, "Ctrl-C in the first second, with --np: saved and 75, or 130 with nothing touched")
    var dice = Dice(26)
    for _ in 0..<(Effort.isLong ? 40 : 6) {
      let course = try Course()
      let job = try course.launch(ranks: 2, fault: "slow:rank=0,step=1")
      usleep(UInt32.random(in: 20_000...900_000, using: &dice))
      job.survey()
      let start = ContinuousClock.now
      kill(job.pid, SIGINT)
      let status = job.end()
      let left = job.remains(after: Effort.cleanSeconds)
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      #expect(left.what.isEmpty && !job.text.contains(Self.box), "\(left.what) \(job.text)")
      if course.hasCheckpoint {
        #expect(status == ExitStatus.resumable, "\(job.text)")
        let isEqual = try course.finishes(ranks: 1)
        row.add(survived: isEqual, equal: isEqual, seconds: seconds)
      } else {
        #expect(status == ExitStatus.interrupted && course.outputs.isEmpty, "\(course.outputs) \(job.text)")
        row.add(survived: true, seconds: seconds)
      }
    }
    row.report()
  }

  /// `timeout` signals its child and then its child's group: one wish, not "end now".
  @Test(arguments: [1, 2]) func anEchoIsNoSecondWish(ranks: Int) throws {
    let course = try Course()
    let slow = "slow:rank=0,step=1"
    let job = try ranks == 1 ? course.start(ranks: 1, fault: slow) : course.launch(ranks: ranks, fault: slow)
    try job.waitForStep(5)
    kill(job.pid, SIGINT)
    kill(job.pid, SIGINT)
    #expect(job.end() == ExitStatus.resumable, "\(job.text)")
    try course.finishes(ranks: 2)
  }

  /// Ctrl-Z and fg, without the terminal: launcher, mpirun and ranks stop and go on together.
  @Test func aStoppedJobStopsAsAWhole() throws {
    var row = FaultRow(26, "Ctrl-Z and fg, with --np: every process stops and goes on")
    let course = try Course()
    let job = try course.launch(ranks: 2, fault: "slow:rank=0,step=1")
    try job.waitForStep(5)
    let processes = [job.pid] + job.children.flatMap { [$0] + Job.children(of: $0) }
    try #require(processes.count == 4, "\(processes)")
    kill(job.pid, SIGTSTP)
    let isStopped = waitUntil { processes.allSatisfy { Job.state(of: $0) == "T" } }
    #expect(isStopped, "\(processes.map { Job.state(of: $0) ?? "-" })")
    kill(job.pid, SIGCONT)
    #expect(job.end() == ExitStatus.success, "\(job.text)")
    #expect(!job.text.contains("Forwarding signal"), "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isStopped, equal: isEqual)
    row.report()
  }

  @Test func aDeadRankIsOneLine() throws {
    let course = try Course()
    let job = try course.launch(ranks: 2, fault: "slow:rank=0,step=1")
    try job.waitForStep(5)
    kill(try #require(job.ranks.last), SIGKILL)
    #expect(job.end() == 128 + SIGKILL, "\(job.text)")
    #expect(
      job.errorLines.contains { $0.contains("ended by signal") && $0.contains("Killed") }
        && !job.text.contains(Self.box), "\(job.text)")
  }

  @Test func aFailureOfTheRanksIsOneLine() throws {
    let course = try Course()
    let job = try course.launch(ranks: 2, ["--data", "\(course.folder)/absent.txt"])
    #expect(job.end() == ExitStatus.usage, "\(job.text)")
    #expect(job.errorLines.count == 1 && !job.text.contains(Self.box), "\(job.text)")
  }

  /// What mpirun alone knows is passed on.
  @Test func whatOnlyMpirunKnowsIsSaid() throws {
    let course = try Course()
    let hosts = "\(course.folder)/hosts"
    try "host-that-does-not-exist slots=2\n".write(toFile: hosts, atomically: false, encoding: .utf8)
    let job = try course.launch(ranks: 2, ["--hostfile", hosts])
    #expect(job.end() != ExitStatus.success)
    #expect(job.errors.split(separator: "\n").count > 1, "\(job.text)")
  }

  @Test func aReaderThatGoesAwayStopsNothing() throws {
    var row = FaultRow(26, "--np … | head -1: one warning, trains to the end")
    let course = try Course()
    let words = ([Course.program] + course.options(["--np", "2"])).map { shellQuoted($0) }
    let job = try Job(
      command: ["bash", "-c", "\(words.joined(separator: " ")) | head -n 1; exit ${PIPESTATUS[0]}"])
    #expect(job.end() == ExitStatus.success, "\(job.text)")
    let warnings = job.errors.split(separator: "\n").filter { $0.contains("takes no more lines") }
    #expect(warnings.count == 1 && course.hasCheckpoint, "\(job.text)")
    row.add(survived: course.hasCheckpoint)
    row.report()
  }
}
