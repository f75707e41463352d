// Row 30: a real SLURM. What is one job is one training, what is several is refused once, and no end that SLURM makes
// to a job costs a bit.

import Foundation
import Platform
import ProcessSupport
import Testing

@Suite(
  .serialized, .onSlurm, .needsMpirun,
  .enabled(
    if: SlurmCluster.missing == nil,
    "\(SlurmCluster.missing ?? "slurm") is not installed: scripts/setup.sh --for-tests"))
struct SlurmTests {
  private func cluster() throws -> SlurmCluster { try #require(SlurmCluster.current) }

  /// Without what two runs of one script would quarrel about.
  private func unsaved(_ course: Course) -> [String] { course.options(["--no-save"]) }

  private func shell(_ words: [String]) -> String { words.map(shellQuoted).joined(separator: " ") }

  private func hashes(_ text: String) -> [String] {
    text.split(separator: "\n").filter { $0.hasPrefix("Weights hash ") }
      .compactMap { $0.split(separator: " ").dropFirst(2).first.map(String.init) }
  }

  private func expectedHash() throws -> String { try Course.undisturbed.get().hash }

  @Test func theRanksOfAStepAreOneTraining() throws {
    var row = FaultRow(
      30, "SLURM: srun --mpi=pmix; batch scripts that start it in every way; shells in a step")
    let course = try Course()
    let job = try cluster().start(["srun", "-n", "2", "--mpi=pmix", Course.program] + course.options())
    #expect(job.end() == 0 && job.text.contains("2 ranks on 1 host"), "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  /// Process 0 speaks for all of them.
  @Test(arguments: [
    ("pmi2", [], "each process would train alone"), ("none", [], "each process would train alone"),
    ("none", ["--np", "2"], "each process would train alone"), ("none", ["--sede"], "--seed"),
    ("pmix", ["--sede"], "--seed"),
  ])
  func whatIsWrongIsSaidOnce(interface: String, options: [String], cause: String) throws {
    var row = FaultRow(30, "SLURM: a step without PMIx, or with a bad option: refused once")
    let course = try Course()
    let run = try cluster().run(
      ["srun", "-n", "2", "--mpi=\(interface)", Course.program] + course.options(options))
    #expect(run.status == ExitStatus.usage, "\(run)")
    #expect(run.errorLines.count == 1 && run.errors.contains(cause), "\(run)")
    row.add(survived: true)
    row.report()
  }

  /// The batch shell is task 0 of no step, whatever it was submitted from.
  @Test(arguments: [nil, "pmix", "pmi2", "none"]) func batchScriptsTrain(submittedFrom step: String?) throws {
    var row = FaultRow(
      30, "SLURM: srun --mpi=pmix; batch scripts that start it in every way; shells in a step")
    let course = try Course()
    let program = shell([Course.program] + unsaved(course))
    let body = "\(program) || exit 1\n\(program) --np 2 || exit 1\nmpirun -np 1 --bind-to none \(program)"
    let run = try cluster().batch(
      ["--ntasks=2"], body, in: course,
      launcher: step.map { ["srun", "-n", "1", "--mpi=\($0)"] } ?? [])
    let isEqual = try hashes(run.output) == Array(repeating: expectedHash(), count: 3)
    #expect(run.status == 0 && isEqual, "\(run)")
    // Two tasks are two slots.
    #expect(run.output.contains("mpirun -np 2 ") && !run.output.contains("--oversubscribe"), "\(run)")
    row.add(survived: run.status == 0, equal: isEqual)
    row.report()
  }

  /// The server of a step refuses a second program of the same task.
  @Test(arguments: ["pmix", "none"]) func aShellInAStepIsAShell(interface: String) throws {
    var row = FaultRow(
      30, "SLURM: srun --mpi=pmix; batch scripts that start it in every way; shells in a step")
    let course = try Course()
    let program = shell([Course.program] + unsaved(course))
    let run = try cluster().run([
      "srun", "-n", "1", "--mpi=\(interface)", "sh", "-c", "\(program) && \(program) && \(program) --np 2",
    ])
    let isEqual = try hashes(run.output) == Array(repeating: expectedHash(), count: 3)
    #expect(run.status == 0 && isEqual, "\(run)")
    row.add(survived: run.status == 0, equal: isEqual)
    row.report()
  }

  /// Processors that were given to a job as one task are slots, too; threads keep to what a job has.
  @Test func slotsAndThreadsAreThoseOfTheJob() throws {
    let course = try Course()
    let options = unsaved(course)
    let threads = try #require(options.firstIndex(of: "--threads"))
    let free = options[..<threads] + options[(threads + 2)...]
    let program = shell([Course.program] + free)
    let crowded = try cluster().batch(["--cpus-per-task=4"], "\(program) --np 4", in: course)
    #expect(crowded.status == 0 && crowded.output.contains("4 ranks on 1 host, 1 thread each"), "\(crowded)")
    #expect(crowded.output.contains("ras_slurm_use_entire_allocation"), "\(crowded)")
    #expect(!crowded.output.contains("--oversubscribe"), "\(crowded)")
    #expect(try hashes(crowded.output) == [expectedHash()])
    // A machine of one processor has one thread in any case.
    for (given, source) in [
      ("--cpus-per-task=1", "SLURM_CPUS_PER_TASK=1"), ("--ntasks=1", "SLURM_CPUS_ON_NODE=1"),
    ] {
      let alone = try cluster().batch([given], program, in: course)
      #expect(alone.status == 0 && alone.output.contains("1 rank on 1 host, 1 thread each"), "\(alone)")
      #expect(
        alone.output.contains("this job's share (\(source)") == (Machine.usableProcessorCount > 1), "\(alone)"
      )
    }
  }

  @Test func aDeadRankEndsTheStepWithItsLastStepSaved() throws {
    var row = FaultRow(30, "SLURM: kill -9 of a rank, --kill-on-bad-exit: last finished step saved")
    let course = try Course()
    let numbered = "echo $$ > '\(course.folder)/pid.'$SLURM_PROCID; exec \"$@\""
    let step = try cluster().start(
      ["srun", "-n", "2", "--mpi=pmix", "--kill-on-bad-exit=1", "sh", "-c", numbered, "sh", Course.program]
        + course.options(["--checkpoint-interval", "0"]),
      environment: Course.variables(fault: "slow:rank=0,step=1,ms=60"))
    try step.waitForStep(8)
    let victim = try #require(
      smallFile("\(course.folder)/pid.1").flatMap {
        pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines))
      })
    let start = ContinuousClock.now
    kill(victim, SIGKILL)
    // SLURM itself would kill after 30 s.
    #expect(step.end(within: 25) != 0, "\(step.text)")
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    #expect(step.text.contains("SIGTERM: the state after step "), "\(step.text)")
    #expect(step.text.contains("pid \(victim)) has died"), "\(step.text)")
    #expect(course.hasCheckpoint)
    let isEqual = try course.finishes(ranks: 1)
    row.add(survived: isEqual, equal: isEqual, seconds: seconds)
    row.report()
  }

  private enum Ending: CaseIterable { case limit, requeue, cancellation }

  /// The script that we ship. The limit's signal is sent by hand: SLURM looks at limits twice a minute.
  @Test(arguments: Ending.allCases) private func theTrainingScript(ending: Ending) throws {
    var row = FaultRow(30, "SLURM: train.sbatch stopped by limit, requeue, scancel; resumed")
    let (course, cluster) = (try Course(), try cluster())
    let log = "\(course.folder)/job.log"
    let submission = try cluster.run(
      ["sbatch", "--parsable", "--ntasks-per-node=2", "--cpus-per-task=1", "--output", log]
        + [SlurmCluster.trainingScript] + course.options(),
      folder: course.folder,
      environment: Course.variables(fault: "slow:rank=0,step=1,ms=60")
        .merging(["MICROGPT_PROGRAM": Course.program]) { $1 })
    let job = submission.output.trimmingCharacters(in: .whitespacesAndNewlines)
    try #require(submission.status == 0 && Int(job) != nil, "\(submission)")
    func said(_ text: String) -> Bool { (smallFile(log) ?? "").contains(text) }
    func hasLeft() -> Bool { (try? cluster.run(["squeue", "-h", "-j", job]).output.isEmpty) ?? true }
    try #require(waitUntil { said("| step     8 ") }, "\(smallFile(log) ?? "nothing"), \(submission)")
    switch ending {
    case .limit: _ = try cluster.run(["scancel", "--signal=USR2", job])
    case .requeue: _ = try cluster.run(["scontrol", "requeue", job])
    case .cancellation: _ = try cluster.run(["scancel", job])
    }
    if ending == .cancellation {
      // Whoever cancels a job does not want it again.
      #expect(waitUntil { hasLeft() } && course.hasCheckpoint, "\(smallFile(log) ?? "")")
      #expect(!said("resume     after step"))
      let isEqual = try course.finishes(ranks: 1)
      row.add(survived: isEqual, equal: isEqual)
    } else {
      #expect(waitUntil { said("after step \(Course.steps)\n") && hasLeft() }, "\(smallFile(log) ?? "")")
      #expect(said("resume     after step"), "\(smallFile(log) ?? "")")
      let text = try Job(command: ["cat", log])
      text.end()
      let isEqual = try course.isUndisturbed(text)
      row.add(survived: isEqual, equal: isEqual)
    }
    row.report()
  }
}
