// kill -9 of whatever there is to kill, at any moment: afterwards the training goes on with the same bits.

import Foundation
import Platform
import ProcessSupport
import Testing

@Suite(.needsMpirun)
struct KillTests {
  private enum Victim: CaseIterable { case rank, allRanks, mpirun }

  /// Row 3: what no checkpoint has yet is saved before rank 0 follows its launcher.
  @Test(arguments: [true, false]) func aLostLauncherCostsNoStep(isMpirun: Bool) throws {
    var row = FaultRow(3, "kill -9 of mpirun or the launcher above it: last finished step saved")
    let course = try Course()
    let extra = ["--checkpoint-interval", "0"]
    let slow = "slow:rank=0,step=1,ms=50"
    let job =
      try isMpirun ? course.start(ranks: 2, extra, fault: slow) : course.launch(ranks: 2, extra, fault: slow)
    try job.waitForStep(7)
    job.survey()
    let start = ContinuousClock.now
    kill(job.pid, SIGKILL)
    _ = job.end()
    let left = job.remains(after: Effort.cleanSeconds)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    #expect(left.what.isEmpty, "\(left.what)")
    // What ranks say goes through mpirun and the launcher: with them the line is lost, the step is not.
    #expect(course.hasCheckpoint, "\(job.text)")
    let isEqual = try course.finishes(ranks: 3)
    row.add(survived: left.what.isEmpty && isEqual, equal: isEqual, seconds: seconds)
    row.report()
  }

  /// Rows 1, 3, 15: a victim, a moment and a world size at random; resumed with another world size.
  @Test func randomKills() throws {
    let sizes = [1, 2, 3, 8]
    var rows = [
      Victim.rank: FaultRow(1, "kill -9 of a random rank, np 1, 2, 3, 8; resumed at another np"),
      Victim.allRanks: FaultRow(1, "kill -9 of all ranks at once; resumed at another np"),
      Victim.mpirun: FaultRow(3, "kill -9 of mpirun; resumed at another np"),
    ]
    for number in 0..<Effort.kills {
      var dice = Dice(UInt64(number))
      let victim = Victim.allCases[number % 3]
      // One rank has no mpirun.
      let size = max(sizes[(number / 3) % 4], victim == .mpirun ? 2 : 1)
      let course = try Course()
      let job = try course.start(ranks: size, fault: "slow:rank=0,step=1")
      try job.waitForStep(1)
      usleep(UInt32.random(in: 0..<700_000, using: &dice))
      job.survey()
      let ranks = size == 1 ? [job.pid] : job.ranks
      let start = ContinuousClock.now
      switch victim {
      case .rank: ranks.randomElement(using: &dice).map { _ = kill($0, SIGKILL) }
      case .allRanks: for rank in ranks { kill(rank, SIGKILL) }
      case .mpirun: kill(job.pid, SIGKILL)
      }
      let status = job.end()
      let hasFinished = status == 0
      let left = job.remains(after: Effort.cleanSeconds)
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      #expect(left.what.isEmpty, "kill \(number), np \(size): left behind \(left.what)")
      let other = sizes.filter { $0 != size }.randomElement(using: &dice) ?? 1
      let isEqual = hasFinished ? try course.isUndisturbed(job) : try course.finishes(ranks: other)
      // A kill that came too late hurt nobody and is no try.
      if hasFinished { continue }
      rows[victim]?.add(survived: isEqual && left.what.isEmpty, equal: isEqual, seconds: seconds)
    }
    for row in rows.values.sorted(by: { $0.fault < $1.fault }) { row.report() }
  }

  /// Row 2: at the three moments of a save; and mid-exchange, mid-validation.
  @Test(arguments: [
    ("kill-written", 0), ("kill-verified", 0), ("kill-renamed", 0), ("kill-in-exchange", 1),
    ("kill-in-validation", 1), ("kill", 0),
  ])
  func killsAtMarkedPoints(point: String, rank: Int) throws {
    var row = FaultRow(2, "kill -9 in a save (three points), exchange, validation, gradient")
    let course = try Course()
    // A save at step 20, a validation after step 28.
    let step = point == "kill-in-validation" ? 28 : point.hasPrefix("kill-in") ? 22 : 20
    let job = try course.start(ranks: 2, fault: "\(point):rank=\(rank),step=\(step)")
    // The last lines of the log die with a rank that is killed.
    _ = job.wait(until: { job.text.contains("| step") })
    job.survey()
    let start = ContinuousClock.now
    #expect(job.end() == 128 + SIGKILL, "\(job.text)")
    let left = job.remains(after: Effort.cleanSeconds)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    #expect(left.what.isEmpty, "\(left.what)")
    #expect(course.hasCheckpoint, "\(course.outputs)")
    let isEqual = try course.finishes(ranks: 3)
    row.add(survived: isEqual, equal: isEqual, seconds: seconds)
    row.report()
  }

  /// The supervisor starts again by itself and ends with the same bits, also before the first checkpoint, and
  /// does not take an older run's checkpoint for its own.
  @Test(arguments: [2, 22]) func supervisedRestart(step: Int) throws {
    var row = FaultRow(1, "`--supervise`: rank killed before and after the first checkpoint")
    let course = try Course()
    let old = try course.start(ranks: 1, ["--seed", "7", "--max-steps", "30"])
    #expect(old.end() == 0)
    let job = try course.launch(ranks: 2, ["--supervise"], fault: "kill-in-exchange:rank=1,step=\(step)")
    let status = job.end()
    #expect(status == ExitStatus.success, "\(job.text)")
    #expect(job.text.contains("restart 1 of 3"))
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: status == 0, equal: isEqual)
    row.report()
  }

  @Test func restartsAreBounded() throws {
    let course = try Course()
    let job = try course.launch(
      ranks: 2, ["--supervise", "--max-restarts", "1"], fault: "kill:rank=1,step=9,every=1")
    #expect(job.end() == 128 + SIGKILL, "\(job.text)")
    #expect(job.text.contains("all 1 restarts are used up"))
    try course.finishes(ranks: 2)
  }

  /// Row 11: the newest file is damaged; the one before it carries on.
  @Test(arguments: ["cut", "flipped", "empty"]) func damagedNewestCheckpoint(damage: String) throws {
    var row = FaultRow(11, "newest checkpoint cut, flipped, empty: resume falls back")
    let course = try Course()
    #expect(try course.start(ranks: 1, ["--max-steps", "25"]).end() == 0)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: course.checkpoint))
    switch damage {
    case "cut": bytes.removeLast(bytes.count / 3)
    case "flipped": bytes[bytes.count / 2] ^= 4
    default: bytes.removeAll()
    }
    // In place: the newest step file is the same file under another name.
    let file = try #require(fopen(course.checkpoint, "w"))
    _ = bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
    fclose(file)
    let job = try course.start(ranks: 2, ["--resume"])
    #expect(job.end() == 0, "\(job.text)")
    #expect(job.text.contains("warning: skipped checkpoint"), "\(job.text)")
    // What was really read.
    let source = "resume     after step 20, from \(course.folder)/out/model.step-000020.jld2"
    #expect(job.story.contains(source), "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }
}
