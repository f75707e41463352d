// Rows 7, 8, 21, 30: two hosts in network namespaces of this machine; the wire between them is cut or slow, one loses
// power, or lacks the corpus. Needs root; scripts/multinode.sh makes the hosts.

import Foundation
import Platform
import ProcessSupport
import Testing

@Suite(
  .serialized,
  .enabled(
    if: geteuid() == 0 && Job.mpirun != nil && Machine.find("ip", in: "/usr/sbin:/sbin:/usr/bin:/bin") != nil
      && access("/run/microgpt-multinode", F_OK) != 0,
    "network namespaces need root, ip, and that no other test has made its hosts"))
struct HostTests {
  private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("scripts/multinode.sh")
    .path

  private func multinode(_ arguments: String..., in course: Course) throws -> String {
    let job = try Job(command: [Self.script] + arguments)
    #expect(job.end() == 0, "\(arguments): \(job.text)")
    return job.output
  }

  /// One rank on each host; rank 0, which writes, on host1.
  private func train(
    _ course: Course, ranks: Int = 2, _ extra: [String] = [], fault: String? = nil
  ) throws -> Job {
    try Job(
      command: [Self.script, "run", "-np", String(ranks), "--", Course.program] + course.options(extra),
      environment: Course.variables(fault: fault))
  }

  /// On host1, whose lock it is.
  private func finishes(_ course: Course, ranks: Int) throws -> Bool {
    let job = try train(course, ranks: ranks, ["--resume"])
    #expect(job.end() == 0, "\(job.text)")
    return try course.isUndisturbed(job)
  }

  private func processes(_ host: String, _ course: Course) throws -> [pid_t] {
    try multinode("pids", host, in: course).split(separator: "\n").compactMap { pid_t($0) }
  }

  private func areGone(_ processes: [pid_t], within seconds: Double) -> Bool {
    waitUntil(seconds: seconds) { !processes.contains(where: Job.isRunning) }
  }

  @Test func hostsAndWires() throws {
    let course = try Course()
    _ = try multinode("up", "2", in: course)
    defer { _ = try? multinode("down", in: course) }
    try bytesOnTheWire()
    try cutWire()
    try powerCut()
    try slowWire()
    try hostWithoutCorpus()
    try hostWithoutRoom()
    try oneHostsError()
    try overSsh(course)
  }

  /// Training on a text in a folder that each host has of its own.
  ///
  /// - Parameter preparation: shell commands for the other host, whose folder, `$0`, is empty at first.
  private func trainApart(_ course: Course, ranks: Int = 2, preparation: String = ":") throws -> Job {
    let folder = course.folder + "/own"
    try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let corpus = folder + "/corpus.txt"
    if access(corpus, F_OK) != 0 { try FileManager.default.copyItem(atPath: course.corpus, toPath: corpus) }
    let script = "[ \"$(hostname)\" = host1 ] || { \(preparation); }; shift; exec \"$@\""
    return try Job(
      command: [
        Self.script, "run", "--private", folder, "-np", String(ranks), "--", "sh", "-c", script, folder, "x",
      ]
        + [Course.program] + course.options(["--data", corpus, "--data-dir", folder + "/data"]),
      environment: ["XDG_CACHE_HOME": folder + "/cache"])
  }

  private func hostWithoutCorpus() throws {
    var row = FaultRow(30, "corpus on rank 0's host alone, another text on the other: sent, same bits")
    for (preparation, words) in [
      (":", "the corpus is not there (cannot open the corpus"),
      ("echo another text > \"$0/corpus.txt\"", "another text is there (sha256 "),
    ] {
      let course = try Course()
      let job = try trainApart(course, ranks: 4, preparation: preparation)
      #expect(job.end() == 0, "\(job.text)")
      #expect(
        job.story.split(separator: "\n").contains {
          $0.hasPrefix("note       host2 trains on rank 0's text, in ")
            && $0.contains("/own/cache/microgpt/texts/")
            && $0.contains(words)
        }, "\(job.text)"
      )
      let isEqual = try course.isUndisturbed(job)
      row.add(survived: isEqual, equal: isEqual)
    }
    row.report()
  }

  private func hostWithoutRoom() throws {
    var row = FaultRow(30, "no corpus and no place for it: refused, host named")
    let course = try Course()
    let job = try trainApart(course, preparation: "mount -o remount,ro \"$0\"")
    #expect(job.end() != 0)
    let isNamed =
      job.text.contains("error: host2: the corpus is not there (")
      && job.text.contains("Read-only file system")
    #expect(isNamed && !job.text.contains("after step"), "\(job.text)")
    row.add(survived: isNamed)
    row.report()
  }

  /// The README's line for several hosts, as it stands, over real sshds.
  private func overSsh(_ course: Course) throws {
    guard Machine.find("sshd", in: "/usr/sbin:/sbin:/usr/bin:/bin") != nil else { return }
    var row = FaultRow(30, "mpirun --hostfile over real sshds: same bits")
    _ = try multinode("ssh", in: course)
    let line = [
      "exec", "mpirun", "--hostfile", "/run/microgpt-multinode/hostfile", "-np", "3", Course.program,
    ]
    let job = try Job(command: [Self.script] + line + course.options())
    #expect(job.end() == 0 && job.text.contains("3 ranks on 2 hosts"), "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }

  /// What is amiss on one host only says on which.
  private func oneHostsError() throws {
    let course = try Course()
    let script = "\(course.folder)/limited.sh"
    try writeScript(
      "[ \"$(hostname)\" != host2 ] || ulimit -S -v 1200000\nexec '\(Course.program)' \"$@\"", to: script)
    let job = try Job(
      command: [Self.script, "run", "-np", "2", "--", script]
        + course.options(["--n-embd", "1024", "--n-layer", "4", "--no-save"]))
    #expect(job.end() == ExitStatus.usage, "\(job.text)")
    #expect(
      job.errorLines.count == 1 && job.errorLines[0].hasPrefix("error: rank 1 on host2 would need "),
      "\(job.text)")
  }

  /// What a host sends is 2(H − 1)/H gradients a step, however many ranks it has: here one of 836,096 floats.
  private func bytesOnTheWire() throws {
    func sent(ranks: Int, steps: Int) throws -> Double {
      func counter() throws -> Int {
        let text = try Job(
          command: ["ip", "netns", "exec", "host1", "cat", "/sys/class/net/eth0/statistics/tx_bytes"])
        #expect(text.end() == 0)
        return Int(text.output.split(separator: "\n").last ?? "") ?? 0
      }
      let before = try counter()
      let job = try Job(
        command: [
          Self.script, "run", "-np", String(ranks), "--", Job.path(of: "gpt-bench"), "--exchange",
          String(steps),
        ])
      #expect(job.end() == 0, "\(job.text)")
      return Double(try counter() - before)
    }
    for ranks in [2, 6] {
      let ofAStep = (try sent(ranks: ranks, steps: 25) - sent(ranks: ranks, steps: 5)) / 20
      let gradients = ofAStep / (836_096 * 4)
      #expect(
        gradients > 0.9 && gradients < 1.1, "\(ranks) ranks send \(gradients) gradients a host and step")
    }
  }

  private func cutWire() throws {
    var row = FaultRow(7, "network partition of two hosts, --hang-timeout 3: both sides end")
    let course = try Course()
    let job = try train(course, ["--hang-timeout", "3"], fault: "slow:rank=0,step=1,ms=60")
    try job.waitForStep(6)
    let sides = try [processes("host1", course), processes("host2", course)]
    #expect(sides.allSatisfy { !$0.isEmpty })
    // The programs; mpirun and its daemons have patience of their own.
    let ranks = sides.map { $0.filter { Job.name(of: $0).hasPrefix("faulty-trainer") } }
    #expect(ranks.map(\.count) == [1, 1])
    let start = ContinuousClock.now
    _ = try multinode("partition", "host2", in: course)
    #expect(areGone(ranks[0], within: 3 + Effort.cleanSeconds + 2), "host1 lives on: \(job.text)")
    #expect(areGone(ranks[1], within: 3 + Effort.cleanSeconds + 2), "host2 lives on: \(job.text)")
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    #expect(job.text.contains("no sign of rank 1 (host2, pid \(ranks[1].first ?? 0)) for 3 s"), "\(job.text)")
    for host in ["host1", "host2"] { _ = try multinode("kill", host, in: course) }
    #expect(job.end() != 0)
    _ = try multinode("heal", in: course)
    let isEqual = try finishes(course, ranks: 2)
    row.add(survived: isEqual, equal: isEqual, seconds: seconds)
    row.report()
  }

  private func powerCut() throws {
    var row = FaultRow(8, "host with its daemon lost (kill -9 of all on it); resumed on the other")
    let course = try Course()
    let job = try train(course, fault: "slow:rank=0,step=1,ms=40")
    try job.waitForStep(8)
    let survivors = try processes("host1", course)
    let start = ContinuousClock.now
    _ = try multinode("kill", "host2", in: course)
    #expect(job.end() != 0, "\(job.text)")
    #expect(areGone(survivors, within: Effort.cleanSeconds), "\(job.text)")
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let isEqual = try finishes(course, ranks: 1)
    row.add(survived: isEqual, equal: isEqual, seconds: seconds)
    row.report()
  }

  private func slowWire() throws {
    var row = FaultRow(21, "wire of 5 Mbit/s between two hosts: same bits")
    let course = try Course()
    _ = try multinode("rate", "host2", "5mbit", in: course)
    let job = try train(course)
    #expect(job.end() == 0, "\(job.text)")
    let isEqual = try course.isUndisturbed(job)
    row.add(survived: isEqual, equal: isEqual)
    row.report()
  }
}
