// Rows 12 and 18: disks that are full or closed, two jobs in one place. Training outlives what is not the final save.

import Foundation
import Platform
import ProcessSupport
import Testing

@Suite struct StorageTests {
  static let isRoot = geteuid() == 0
  /// Mounting in a namespace of its own, so that nothing stays mounted.
  private static let unshare = ["unshare", "-m", "sh", "-c"]

  /// A checkpoint of the training is 64 kB; the disk has room for one and its successor, or not even that.
  @Test(.enabled(if: isRoot, "a small tmpfs needs root")) func fullDisk() throws {
    var row = FaultRow(12, "disk full: old file intact, training goes on")
    let course = try Course()
    #expect(try course.start(ranks: 1, ["--max-steps", "10"]).end() == 0)
    // What is there fills the disk up to 20 kB.
    let script = """
      set -e
      cp -r '\(course.folder)/out' '\(course.folder)/saved'
      mount -t tmpfs -o size=1m tmpfs '\(course.folder)/out'
      cp '\(course.folder)/saved/model.jld2' '\(course.folder)/out/'
      dd if=/dev/zero of='\(course.folder)/out/filler' bs=1k count=2000 2>/dev/null || true
      truncate -s -20k '\(course.folder)/out/filler'
      status=0
      "$@" || status=$?
      cmp '\(course.folder)/saved/model.jld2' '\(course.folder)/out/model.jld2'
      ls '\(course.folder)/out'
      exit $status
      """
    let job = try Job(
      command: Self.unshare + [script, "sh", Course.program] + course.options(["--resume"]))
    // The last save fails too, and that decides the status.
    #expect(job.end() == ExitStatus.failure, "\(job.text)")
    let warnings = job.lines.filter { $0.hasPrefix("warning: no checkpoint was saved") }
    #expect(warnings.count >= 7 && warnings.allSatisfy { $0.contains("No space left") }, "\(job.text)")
    #expect(!job.text.contains(".tmp.") && !job.text.contains("differ"), "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  @Test(.enabled(if: isRoot, "mounting needs root")) func readOnlyFolder() throws {
    let course = try Course()
    #expect(try course.start(ranks: 1, ["--max-steps", "10"]).end() == 0)
    let script = """
      mount --bind '\(course.folder)/out' '\(course.folder)/out' && mount -o remount,ro,bind '\(course.folder)/out' &&
      exec "$@"
      """
    let job = try Job(
      command: Self.unshare + [script, "sh", Course.program] + course.options(["--resume"]))
    #expect(job.end() == ExitStatus.usage, "\(job.text)")
    #expect(job.errorLines.count == 1 && job.text.contains("Read-only file system"), "\(job.text)")
    try course.finishes(ranks: 1)
  }

  /// Files may grow to 32 kB: a log and metrics may, a checkpoint may not.
  @Test func fileSizeLimit() throws {
    var row = FaultRow(12, "RLIMIT_FSIZE: old file intact, training goes on")
    let course = try Course()
    #expect(try course.start(ranks: 1, ["--max-steps", "10"]).end() == 0)
    let before = try Data(contentsOf: URL(fileURLWithPath: course.checkpoint))
    let job = try Job(
      command: ["bash", "-c", "ulimit -f 32; exec \"$@\"", "bash", Course.program]
        + course.options(["--resume"]))
    #expect(job.end() == ExitStatus.failure, "\(job.text)")
    #expect(job.text.contains("warning: no checkpoint was saved") && job.text.contains("File too large"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: course.checkpoint)) == before)
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  /// One warning each, and the training ends well.
  @Test func outputThatTakesNothing() throws {
    var row = FaultRow(12, "metrics and log on a full disk: one warning each")
    let course = try Course()
    let job = try Job(
      command: ["bash", "-c", "exec \"$@\" >/dev/full", "bash", Course.program]
        + course.options(["--metrics", "/dev/full"]))
    #expect(job.end() == 0, "\(job.text)")
    let warnings = job.lines.filter { $0.hasPrefix("warning: ") }
    #expect(warnings.count == 2 && warnings.allSatisfy { $0.contains("No space left") }, "\(job.text)")
    try #require(FileManager.default.fileExists(atPath: course.checkpoint))
    row.add(survived: true)
    row.report()
  }

  @Test func aSecondJobIsRefusedAndAStaleLockIsNot() throws {
    var row = FaultRow(18, "two jobs on one output; stale lock and remains of a killed save")
    let course = try Course()
    let first = try course.start(ranks: 1, fault: "late:rank=0,step=9")
    try first.waitForStep(8)
    let second = try course.start(ranks: 1, ["--metrics", "\(course.folder)/other.jsonl"])
    #expect(second.end() == ExitStatus.usage)
    #expect(
      second.errorLines.count == 1 && second.text.contains("is being written by process \(first.pid)"),
      "\(second.text)")
    kill(first.pid, SIGKILL)
    _ = first.end()
    try Data("half".utf8).write(to: URL(fileURLWithPath: course.checkpoint + ".tmp.\(first.pid)"))
    #expect(course.outputs.contains("model.jld2.lock"))
    let isEqual = try course.finishes(ranks: 2)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  /// A living holder is found in whatever namespace it counts, a dead one is dead whatever its host was called.
  @Test(.enabled(if: isRoot, "namespaces need root")) func containersOnOneOutput() throws {
    var row = FaultRow(18, "two containers on one output; lock of a dead container with another host name")
    let container = ["unshare", "-u", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c"]
    let setUp = "hostname elsewhere && exec \"$@\""
    guard try Job(command: container + [setUp, "sh", "true"]).end() == 0 else {
      print("no namespaces here: containersOnOneOutput is not tried")
      return
    }
    let course = try Course()
    // A child of the shell, which holds number 1, whose signals the kernel keeps off.
    let first = try Job(
      command: container + ["hostname elsewhere; \"$@\"; exit $?", "sh", Course.program] + course.options(),
      environment: Course.variables(fault: "spin:rank=0,step=9"))
    try first.waitForStep(8)
    let others = ["--metrics", "\(course.folder)/other.jsonl"]
    for command in [[Course.program], container + ["hostname third; exec \"$@\"", "sh", Course.program]] {
      let second = try Job(command: command + course.options(others))
      #expect(second.end() == ExitStatus.usage, "\(second.text)")
      #expect(
        second.errorLines.count == 1 && second.text.contains("on host elsewhere; give this job another"),
        "\(second.text)")
    }
    first.survey()
    kill(first.pid, SIGKILL)
    _ = first.end()
    #expect(first.remains(after: Job.limit).what.isEmpty)
    #expect(course.outputs.contains("model.jld2.lock"))
    let isEqual = try course.finishes(ranks: 1, saying: "on host elsewhere: it has ended")
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  /// As a power cut left it before locks appeared whole, also for the supervisor.
  @Test(.needsMpirun) func anEmptyLockIsTakenOver() throws {
    var row = FaultRow(24, "lock left empty by a power cut: taken over with a line")
    let course = try Course()
    try FileManager.default.createDirectory(
      atPath: "\(course.folder)/out", withIntermediateDirectories: false)
    try Data().write(to: URL(fileURLWithPath: course.checkpoint + ".lock"))
    let job = try course.launch(ranks: 2, ["--supervise"])
    #expect(job.end() == ExitStatus.success, "\(job.text)")
    #expect(job.story.contains("model.jld2.lock: it was unreadable, and no process holds it"), "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  /// Another run under the same name, whose further states must not take the place of a damaged file.
  @Test func aStrangersStateIsNoFallback() throws {
    var row = FaultRow(11, "newest checkpoint damaged, another run's beside it: its own or none")
    let course = try Course()
    let stranger = try course.start(
      ranks: 1,
      [
        "--seed", "7", "--metrics", "\(course.folder)/7.jsonl", "--checkpoint-interval", "4", "--max-steps",
        "38",
      ])
    #expect(stranger.end() == 0)
    let files = FileManager.default
    try files.moveItem(atPath: "\(course.folder)/out", toPath: "\(course.folder)/stranger")
    #expect(try course.start(ranks: 1, ["--max-steps", "25"]).end() == 0)
    for name in ["model.step-000038.jld2", "model.step-000036.jld2"] {
      try files.copyItem(
        atPath: "\(course.folder)/stranger/\(name)", toPath: "\(course.folder)/out/\(name)")
    }
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: course.checkpoint))
    try file.seek(toOffset: 20_000)
    try file.write(contentsOf: Data("damage".utf8))
    try file.close()
    let job = try course.start(ranks: 1, ["--resume"])
    #expect(job.end() == ExitStatus.success, "\(job.text)")
    #expect(job.text.contains("step-000038.jld2: it is of another run than"), "\(job.text)")
    #expect(
      job.story.contains("resume     after step 20, from \(course.folder)/out/model.step-000020"),
      "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    // The stranger's are still there.
    #expect(course.outputs.filter { $0.contains("step-") }.count == 4, "\(course.outputs)")
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  /// Rotated while it is written, as logrotate does: no line is lost, and none is written twice.
  @Test func rotatedMetrics() throws {
    let course = try Course()
    let job = try course.start(ranks: 1, fault: "slow:rank=0,step=1,ms=60")
    // The first lines are there once a checkpoint is.
    #expect(job.wait(until: { course.hasCheckpoint && smallFile(course.metrics) != "" }))
    try FileManager.default.moveItem(atPath: course.metrics, toPath: course.metrics + ".1")
    #expect(job.end() == ExitStatus.success, "\(job.text)")
    #expect(job.text.contains("was removed or renamed; from here on a new file"), "\(job.text)")
    let lines = [course.metrics + ".1", course.metrics].map { smallFile($0) ?? "" }
    #expect(!lines[0].isEmpty && !lines[1].isEmpty)
    try Data(lines.joined().utf8).write(to: URL(fileURLWithPath: course.metrics))
    #expect(try course.isUndisturbed(job))
  }

  /// Whoever writes to the corpus ends the training at the last step of the old text, which is saved: at the next step,
  /// or in the validation of an epoch.
  @Test(.needsMpirun, arguments: ["truncated", "overwritten", "extended"])
  func theCorpusChanges(how: String) throws {
    var row = FaultRow(20, "corpus \(how) in mid-run: last step of the old text saved")
    let course = try Course()
    let text = try Data(contentsOf: URL(fileURLWithPath: course.corpus))
    let long = ["--num-steps", "1000000"]
    let job = try course.start(ranks: 2, long)
    try job.waitForStep(12)
    // In place: a new file of the same name would leave the open one as it is.
    let file = try #require(FileHandle(forWritingAtPath: course.corpus))
    switch how {
    case "truncated": try file.truncate(atOffset: 0)
    case "overwritten": try file.write(contentsOf: Data(text.reversed()))
    default:
      try file.seekToEnd()
      try file.write(contentsOf: Data("more".utf8))
    }
    #expect(job.end() == ExitStatus.failure, "\(job.text)")
    #expect(job.errorLines.count == 1, "\(job.text)")
    let line = try #require(job.errorLines.first)
    #expect(line.contains("corpus.txt changed while it was in use: i"), "\(line)")
    let step = try #require(line.firstMatch(of: #/after step (\d+): /#)?.1)

    // Only with the old text it goes on, and to the bits of a training that nobody has disturbed.
    let refused = try course.start(ranks: 1, long + ["--resume"])
    #expect(refused.end() == ExitStatus.usage, "\(refused.text)")
    try text.write(to: URL(fileURLWithPath: course.corpus))
    func hash(_ course: Course, _ extra: [String]) throws -> String? {
      let job = try course.start(ranks: 1, long + ["--max-steps", String(step)] + extra)
      #expect(job.end() == ExitStatus.success, "\(job.text)")
      return job.lines.first { $0.hasPrefix("Weights hash ") }
    }
    let saved = try hash(course, ["--resume"])
    let isEqual = try saved != nil && saved == hash(Course(), [])
    #expect(isEqual, "\(job.text)")
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }
}
