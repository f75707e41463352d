// Rows 13, 14, 16, 17, 19, 22, 23: what is wrong before the first step is said once and ends with status 2.

import Foundation
import Platform
import ProcessSupport
import Testing

@Suite struct StartTests {
  /// A script that changes what rank 1 is started with.
  private func wrapper(_ course: Course, _ line: String) throws -> String {
    let path = "\(course.folder)/wrapper.sh"
    let body = "if [ \"$OMPI_COMM_WORLD_RANK\" = 1 ]; then \(line); fi\nexec '\(Course.program)' \"$@\""
    try writeScript(body, to: path)
    return path
  }

  @Test(
    .needsMpirun,
    arguments: [
      (13, "set -- \"$@\" --seed 9", "options is ", "--seed=9"),
      (13, "set -- \"$@\" --resume", "options is ", "--resume"),
      (14, "export OPENBLAS_CORETYPE=Nehalem", "kernels is openblas-", "openblas-Nehalem"),
    ])
  func ranksThatDiffer(number: Int, line: String, start: String, part: String) throws {
    var row = FaultRow(number, "options or BLAS core of one rank differ: refused, keys and hosts named")
    let course = try Course()
    let job = try Job(
      try wrapper(course, line), course.options(["--matmul", "openblas"]), ranks: 3)
    #expect(job.end() == ExitStatus.usage, "\(job.text)")
    #expect(job.errorLines.count == 1, "\(job.text)")
    let error = job.errorLines.first ?? ""
    #expect(error.contains("the ranks do not agree: \(start)") && error.contains(part), "\(error)")
    #expect(error.contains("on rank 1 (\(Machine.hostName))") && error.contains("rank 0, 2"), "\(error)")
    row.add(survived: true)
    row.report()
  }

  /// Only one rank cannot read its command line: it is the one that speaks.
  @Test(.needsMpirun) func oneRankWithABadOption() throws {
    let course = try Course()
    let job = try Job(
      try wrapper(course, "set -- --sede 9"), course.options(), ranks: 2)
    #expect(job.end() == ExitStatus.usage, "\(job.text)")
    #expect(job.errorLines.count == 1 && job.errorLines[0].hasPrefix("error: rank 1 on "), "\(job.text)")
  }

  /// Rows 16 and 15: world sizes, batches and leaves that do not divide each other.
  @Test(.needsMpirun, arguments: [(1, 3), (31, 5), (2, 7)])
  func batchesThatDoNotDivide(batch: Int, ranks: Int) throws {
    var row = FaultRow(16, "batch 1, 31, 2 on 3, 5, 7 ranks: bits of one rank")
    var hashes: [String] = []
    for size in [1, ranks] {
      let course = try Course()
      let job = try course.start(
        ranks: size, ["--batch-size", String(batch), "--micro-batch-size", batch == 31 ? "4" : "1"])
      #expect(job.end() == 0, "\(job.text)")
      hashes.append(try course.ending(of: job).hash)
    }
    #expect(hashes[0] == hashes[1])
    row.add(survived: true, equal: hashes[0] == hashes[1])
    row.report()
  }

  /// Process 0 speaks for all, if it can know of them.
  @Test(arguments: [
    (["PMI_SIZE": "2", "PMI_RANK": "0"], 1), (["PMI_SIZE": "2", "PMI_RANK": "1"], 0), (["PMI_RANK": "1"], 1),
    (["SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_STEP_ID": "0"], 1),
    (["SLURM_NTASKS": "4", "SLURM_PROCID": "1", "SLURM_STEP_ID": "0"], 0),
  ])
  func foreignLaunchers(environment: [String: String], lines: Int) throws {
    var row = FaultRow(19, "foreign launcher (PMI, srun without PMIx): refused")
    let course = try Course()
    let job = try course.start(ranks: 1, environment: environment)
    #expect(job.end() == ExitStatus.usage)
    #expect(job.errorLines.count == lines, "\(job.text)")
    #expect(job.errorLines.allSatisfy { $0.contains("each process would train alone") }, "\(job.text)")
    row.add(survived: true)
    row.report()
  }

  @Test(
    .needsMpirun,
    arguments: [
      ("", "empty"), ("ab\0cd", "NUL"), ("ab\u{FF}", "UTF-8"), ("abc", "chunk"),
    ])
  func badCorpora(text: String, word: String) throws {
    var row = FaultRow(22, "corpus empty, binary, not UTF-8, too short: one line, status 2")
    let course = try Course()
    let bytes = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    try Data(bytes).write(to: URL(fileURLWithPath: course.corpus))
    let job = try course.start(ranks: 2)
    #expect(job.end() == ExitStatus.usage, "\(job.text)")
    #expect(job.errorLines.count == 1 && job.errorLines[0].contains(word), "\(job.text)")
    row.add(survived: true)
    row.report()
  }

  /// Straight under mpirun, where every rank reads the same command line, and alone.
  @Test(
    .needsMpirun,
    arguments: [
      (["--n-head", "3"], "n_head"), (["--n-embd", "0"], "--n-embd"),
      (["--batch-size", "-4"], "--batch-size"),
      (["--learning-rate", "nan"], "--learning-rate"),
      (["--block-size", "99999999999999999999"], "--block-size"),
      (["--sede", "1"], "--seed"), (["--seed"], "--seed"), (["--beta1", "1"], "--beta1"),
      (["--fault", "kill"], "--fault"),
    ])
  func absurdOptions(options: [String], word: String) throws {
    var row = FaultRow(23, "absurd options: one line, status 2")
    let course = try Course()
    for job in [
      try Job(Course.program, course.options(options)),
      try course.launch(ranks: 2, options),
    ] + (Effort.isLong ? [try course.start(ranks: 2, options)] : []) {
      #expect(job.end() == ExitStatus.usage, "\(job.text)")
      #expect(job.errorLines.count == 1 && job.errorLines[0].contains(word), "\(job.text)")
    }
    row.add(survived: true)
    row.report()
  }

  @Test(.enabled(if: StorageTests.isRoot && Job.mpirun != nil, "mounting needs root")) func tinySharedMemory()
    throws
  {
    var row = FaultRow(17, "/dev/shm of 1 MB: said by --doctor, same bits")
    let course = try Course()
    let script = "mount -t tmpfs -o size=1m tmpfs /dev/shm && exec \"$@\""
    let inside = ["unshare", "-m", "sh", "-c", script, "sh"]
    let doctor = try Job(command: inside + [Course.program, "--doctor", "--np", "2"])
    #expect(doctor.end() == ExitStatus.failure, "\(doctor.text)")
    #expect(
      doctor.lines.contains { $0.hasPrefix("BAD   /dev/shm") } && doctor.text.contains("remount"),
      "\(doctor.text)")
    let job = try Job(command: inside + [Course.program] + course.options(["--np", "2"]))
    #expect(job.end() == 0, "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  @Test func theDoctorFindsThisMachineFit() throws {
    let course = try Course()
    let job = try Job(Course.program, ["--doctor", "--checkpoint", course.checkpoint])
    let status = job.end()
    let findings = job.lines.filter { ["ok  ", "note", "BAD "].contains($0.prefix(4)) }
    let subjects = Set(findings.map { String($0.dropFirst(6).prefix { $0 != " " }) })
    var expected: Set = [
      "cores", "affinity", "MPI", "single", "BLAS", "vectors", "memory", "data", "checkpoints",
    ]
    // What is unfit is not measured.
    if !job.text.contains("BAD ") { expected.formUnion(["disk", "peak", "speed", "figures"]) }
    #expect(subjects.isSuperset(of: expected), "\(job.text)")
    for line in job.lines where !line.hasPrefix("ok    figures") {
      // Paths are not broken.
      #expect(line.count <= 80 || !line.drop { $0 == " " }.contains(" "), "\(line)")
    }
    let start = try #require(job.lines.firstIndex(of: "Start with"), "\(job.text)")
    #expect(start > job.lines.count - 5, "\(job.text)")
    #expect(status == (job.text.contains("BAD ") ? ExitStatus.failure : ExitStatus.success), "\(job.text)")
  }

  /// Whoever the user is, and however many ranks the cores are too few for.
  @Test(.needsMpirun) func theDoctorsLineStartsTheTraining() throws {
    let course = try Course()
    let ranks = Machine.coreCount + 1
    let doctor = try Job(Course.program, course.options(["--doctor", "--np", "\(ranks)"]))
    doctor.end()
    let findings = doctor.output.split(separator: "\n")
    let start = try #require(findings.firstIndex(of: "Start with"), "\(doctor.text)")
    let line = findings[(start + 1)...].joined(separator: "\n")
    let job = try Job(command: ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/tmp", "sh", "-c", line])
    #expect(job.end() == ExitStatus.success, "\(line): \(job.text)")
    #expect(try course.isUndisturbed(job) && job.text.contains("\(ranks) ranks on 1 host"), "\(job.text)")
  }
}
