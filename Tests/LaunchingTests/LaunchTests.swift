// Argument vectors, hostfiles, the supervisor's decisions and the world check, without starting anything.

import Glibc
import Platform
import TestSupport
import Testing

@testable import Launching

private func plan(
  _ processCount: Int, cores: Int = 2, hostfile: Hostfile? = nil, isRoot: Bool = false,
  singleCopyIsRefused: Bool = false
) -> MpirunCommand {
  MpirunCommand(
    mpirun: "/usr/bin/mpirun", processCount: processCount, executable: "/opt/gpt-ddp",
    programArguments: ["--seed", "7", "--text", "it's; $(ls)"], coreCount: cores,
    hostfile: hostfile.map { ("hosts", $0) }, isRoot: isRoot, singleCopyIsRefused: singleCopyIsRefused)
}

@Suite struct LaunchPlanTests {
  private let tail = ["/opt/gpt-ddp", "--seed", "7", "--text", "it's; $(ls)"]

  /// Tasks are slots; where they are too few, processors are; a hostfile counts instead.
  @Test func slotsOfAnAllocation() {
    func options(_ count: Int, tasks: String, processors: String, hostfile: Hostfile? = nil) -> [String] {
      var plan = plan(count, hostfile: hostfile)
      plan.allocation = SlurmAllocation([
        "SLURM_JOB_ID": "7", "SLURM_TASKS_PER_NODE": tasks, "SLURM_JOB_CPUS_PER_NODE": processors,
      ])
      return Array(plan.arguments.dropFirst(3).prefix { $0 != "--bind-to" })
    }
    let entire = ["--mca", "ras_slurm_use_entire_allocation", "1"]
    #expect(options(4, tasks: "2(x2)", processors: "2(x2)").isEmpty)
    #expect(options(5, tasks: "2(x2),1", processors: "4(x2),1").isEmpty)
    #expect(options(8, tasks: "2(x2)", processors: "4(x2)") == entire)
    #expect(options(8, tasks: "1", processors: "8") == entire)
    #expect(options(9, tasks: "2(x2)", processors: "4(x2)") == ["--oversubscribe"])
    let hosts = Hostfile(text: "node01 slots=4")
    #expect(options(4, tasks: "1", processors: "8", hostfile: hosts) == ["--hostfile", "hosts"])
  }

  @Test func enoughCores() {
    #expect(plan(2).arguments == ["/usr/bin/mpirun", "-np", "2", "--bind-to", "none"] + tail)
    #expect(plan(2).variables.isEmpty)
  }

  @Test func moreRanksThanCoresOversubscribe() {
    #expect(
      plan(3).arguments == ["/usr/bin/mpirun", "-np", "3", "--oversubscribe", "--bind-to", "none"] + tail)
  }

  @Test func hostfileSlotsCountInsteadOfCores() {
    let hosts = Hostfile(text: "# two hosts\nnode01 slots=2\n\nnode02\tslots=3 max_slots=4 # fast\n")
    #expect(hosts.hosts.map(\.name) == ["node01", "node02"] && hosts.slotCount == 5)
    #expect(
      plan(5, hostfile: hosts).arguments
        == ["/usr/bin/mpirun", "-np", "5", "--hostfile", "hosts", "--bind-to", "none"] + tail)
    #expect(plan(6, hostfile: hosts).arguments.contains("--oversubscribe"))
    // mpirun knows the cores of a host that the file does not speak of; we do not.
    #expect(
      !plan(6, hostfile: Hostfile(text: "node01\nnode02 slots=1")).arguments.contains("--oversubscribe"))
  }

  @Test func rootAndContainers() {
    #expect(
      plan(2, isRoot: true).variables
        == ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"])
    #expect(
      plan(2, singleCopyIsRefused: true).arguments
        == ["/usr/bin/mpirun", "-np", "2", "--bind-to", "none"]
        + ["--mca", "btl_vader_single_copy_mechanism", "none"] + tail)
  }

  @Test func descriptionIsSafeToPaste() {
    #expect(
      plan(2).description
        == #"/usr/bin/mpirun -np 2 --bind-to none /opt/gpt-ddp --seed 7 --text 'it'\''s; $(ls)'"#)
  }

  @Test func missingMpirunIsFoundMissing() {
    #expect(Machine.find("mpirun", in: "/nonexistent:/proc") == nil)
    #expect(Machine.find("sh", in: "/nonexistent:/bin") == "/bin/sh")
  }

  @Test func unreadableHostfileIsInvalidInput() {
    #expect(throws: InvalidInput.self) { try Hostfile(path: "/nonexistent/hosts") }
    #expect(throws: InvalidInput.self) { try Hostfile(path: "/dev/null") }
  }

  /// None of them may be waited for, or read without end.
  @Test func aHostfileIsASmallRegularFile() throws {
    let folder = try TemporaryFolder()
    let fifo = folder.path + "/fifo"
    try #require(mkfifo(fifo, 0o600) == 0)
    let endless = try folder.file(repeatElement(UInt8(ascii: "\n"), count: 1 << 20 + 1), named: "long")
    for (path, cause) in [
      (fifo, "a FIFO"), ("/dev/zero", "a device"), (folder.path, "a folder"), (endless, "more than 1.0 MB"),
    ] {
      let error = #expect(throws: InvalidInput.self) { try Hostfile(path: path) }
      #expect(try #require(error).message.contains("it \(cause.hasPrefix("a ") ? "is" : "has") \(cause)"))
    }
  }

  /// As editors on other systems leave them. mpirun reads only plain ones.
  @Test(arguments: ["\n", "\r\n", "\r"], ["", "\u{FEFF}"])
  func hostfileLineEnds(_ end: String, _ mark: String) throws {
    let lines = ["# two hosts", "node01 slots=2", "", "node02 slots=3 # fast"]
    let hosts = Hostfile(text: mark + lines.joined(separator: end))
    #expect(hosts == Hostfile(text: mark + lines.joined(separator: end) + end))
    #expect(hosts.hosts.map(\.line) == ["node01 slots=2", "node02 slots=3"])
    #expect(hosts.slotCount == 5)
    #expect(hosts.isPlain == (end == "\n" && mark == ""))
    let copy = try hosts.writeTemporary()
    defer { unlink(copy) }
    #expect(try Hostfile(path: copy).isPlain)
    #expect(try Hostfile(path: copy).hosts == hosts.hosts)
  }
}

@Suite struct SupervisorTests {
  /// Runs a supervisor over scripted exit statuses; returns the final status, the plans started and the
  /// lines said.
  private func supervise(
    _ start: MpirunCommand, statuses: [Int32], restarts: Int, dead: Set<String> = [], asked: Bool = false
  ) throws -> (status: Int32, plans: [MpirunCommand], lines: [String]) {
    var remaining = statuses[...]
    var plans: [MpirunCommand] = []
    var lines: [String] = []
    let status = try Supervisor(
      maximumRestarts: restarts, resumeArgument: "--resume", report: { lines.append($0) },
      launch: { plan in
        plans.append(plan)
        return Launcher.Outcome(status: remaining.removeFirst(), wasAskedToStop: asked)
      },
      isHostAlive: { _, host in !dead.contains(host.name) }
    ).run(start)
    #expect(remaining.isEmpty)
    return (status, plans, lines)
  }

  @Test(arguments: [ExitStatus.success, ExitStatus.usage, ExitStatus.resumable])
  func finalStatusesEndIt(status: Int32) throws {
    let run = try supervise(plan(2), statuses: [status], restarts: 5)
    #expect(run.status == status && run.lines.isEmpty)
  }

  @Test func aKilledRankIsRestartedWithResumeOnce() throws {
    let run = try supervise(plan(2), statuses: [137, 137, 0], restarts: 2)
    #expect(run.status == 0 && run.lines.count == 2)
    #expect(!run.plans[0].programArguments.contains("--resume"))
    for restart in run.plans[1...] {
      #expect(restart.programArguments.filter { $0 == "--resume" }.count == 1)
      #expect(restart.processCount == 2)
    }
  }

  @Test func restartsAreBounded() throws {
    let run = try supervise(plan(2), statuses: [137, 1, 137], restarts: 2)
    #expect(run.status == 137 && run.plans.count == 3 && run.lines.count == 3)
  }

  @Test func aUserWhoStopsTheJobIsObeyed() throws {
    #expect(try supervise(plan(2), statuses: [1], restarts: 5, asked: true).status == 1)
  }

  @Test func aDeadHostIsDroppedAndTheWorldShrinks() throws {
    let hosts = Hostfile(text: "a slots=2\nb slots=2\nc slots=1\n")
    let run = try supervise(plan(5, hostfile: hosts), statuses: [205, 0], restarts: 3, dead: ["b"])
    #expect(run.plans[1].hostfile?.content.hosts.map(\.name) == ["a", "c"])
    #expect(run.plans[1].processCount == 3)
    #expect(run.lines[0].contains("without b, 3 ranks"))
    #expect(throws: RuntimeFailure.self) {
      try supervise(plan(5, hostfile: hosts), statuses: [205], restarts: 3, dead: ["a", "b", "c"])
    }
  }
}

@Suite struct MpirunMessageTests {
  /// What is printed, and what mpirun said of a death.
  private func filter(_ lines: [String]) -> (printed: [String], death: String?) {
    var messages = MpirunMessages()
    let printed = lines.flatMap { messages.take($0) } + messages.end()
    return (printed, messages.death)
  }

  private func box(_ lines: String...) -> [String] { [MpirunMessages.frame] + lines + [MpirunMessages.frame] }

  @Test func whatARankHasSaidIsNotSaidAgain() {
    let noise =
      box(
        "Primary job  terminated normally, but 1 process returned",
        "a non-zero exit code. Per user-direction, the job has been aborted.")
      + box(
        "mpirun detected that one or more processes exited with non-zero status, thus causing",
        "the job to be terminated. The first process to do so was:", "", "  Process name: [[28984,1],0]",
        "  Exit code:    75")
      + box("MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD", "with errorcode 1.")
      + ["mpirun: Forwarding signal 20 to job"]
      + ["[vm:17] 1 more process has sent help message help-mpi-api.txt / mpi-abort"]
      + ["[vm:17] Set MCA parameter \"orte_base_help_aggregate\" to 0 to see all help / error messages"]
    let (printed, death) = filter(["error: disk full"] + noise + ["error: and more"])
    #expect(printed == ["error: disk full", "error: and more"] && death == nil)
  }

  @Test func aDeathBecomesOneLine() {
    let (printed, death) = filter(
      box(
        "mpirun noticed that process rank 1 with PID 0 on node node01 exited on signal 9 (Killed)."))
    #expect(printed.isEmpty && death == "rank 1 on node01 was ended by signal 9 (Killed)")
    // Wrapped where the names are long.
    #expect(
      filter(
        box(
          "mpirun noticed that process rank 12 with PID 4711 on node",
          "n exited on signal 11 (Segmentation fault).")
      )
      .death == "rank 12 on n was ended by signal 11 (Segmentation fault)")
  }

  @Test func whatMpirunAloneKnowsIsKept() {
    let lines = box(
      "There are not enough slots available in the system to satisfy the 4", "slots that were requested")
    #expect(filter(lines).printed == lines)
    // A box that never ends is cut off by the end of the job.
    #expect(
      filter([MpirunMessages.frame, "ssh: no route"]).printed == [MpirunMessages.frame, "ssh: no route"])
  }
}

@Suite struct LineSplitterTests {
  @Test func linesComeInAnyPieces() {
    var lines = LineSplitter()
    #expect(lines.take(Array("on".utf8)) == [])
    #expect(lines.take(Array("e\n\ntwo\nthr".utf8)) == ["one", "", "two"])
    #expect(lines.end() == "thr" && lines.end() == nil)
  }
}
