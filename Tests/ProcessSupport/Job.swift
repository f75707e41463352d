// A real process of the built gpt-ddp, alone or under mpirun, that a test can watch and hurt. Signals go to process
// ids that this test started, never to names.

import Platform
import Foundation
import Testing

@testable import DataParallel

/// One started process tree. Ended, whatever happens, when the value goes away.
final class Job {
  static let mpirun = Launcher.find("mpirun", in: ProcessInfo.processInfo.environment["PATH"] ?? "")

  /// The executable that SwiftPM puts next to the test bundle.
  static let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("gpt-ddp").path

  let pid: pid_t
  private let log: String
  private var status: Int32?
  /// Every process of the tree that was ever seen.
  private var seen: Set<pid_t> = []
  private var segments: Set<String> = []

  /// Starts `arguments[0]` with default signals in a process group of its own.
  init(_ arguments: [String], environment: [String: String] = [:], log folder: String) throws {
    log = "\(folder)/log-\(UUID().uuidString)"
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    let variables = ProcessInfo.processInfo.environment.merging([
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "MICROGPT_ENABLE_FAULTS": "1",
    ]) { $1 }.merging(environment) { $1 }
    var argumentPointers = arguments.map { strdup($0) } + [nil]
    var variablePointers = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for pointer in argumentPointers + variablePointers { free(pointer) } }
    var started: pid_t = 0
    let code = posix_spawnp(
      &started, arguments[0], &actions, &attributes, &argumentPointers, &variablePointers)
    try #require(code == 0, "cannot start \(arguments[0]): \(String(cString: strerror(code)))")
    pid = started
  }

  /// Ranks straight under mpirun, as on a cluster.
  static func mpirun(
    _ ranks: Int, _ arguments: [String], program: String = program, environment: [String: String] = [:],
    log: String
  ) throws -> Job {
    try Job(
      [try #require(mpirun), "-np", String(ranks), "--oversubscribe", "--bind-to", "none", program]
        + arguments,
      environment: environment, log: log)
  }

  deinit {
    if status == nil {
      for process in descendants + [pid] { kill(process, SIGKILL) }
      waitpid(pid, nil, 0)
    }
    unlink(log)
  }

  var text: String {
    (try? String(decoding: Data(contentsOf: URL(fileURLWithPath: log)), as: UTF8.self)) ?? ""
  }
  var lines: [String] { text.split(separator: "\n").map(String.init) }
  var errors: [String] { lines.filter { $0.hasPrefix("error: ") } }

  /// Waits for `condition` while the job runs.
  func wait(until condition: () -> Bool, seconds: Double = 60) -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      if condition() { return true }
      guard isRunning else { return condition() }
      usleep(5_000)
    }
    return false
  }

  func waitForStep(_ step: Int) throws {
    let isThere = wait(until: { lines.contains { $0.contains("| step") && self.step(of: $0) >= step } })
    try #require(isThere, "step \(step) is not reached: \(text)")
  }

  private func step(of line: String) -> Int {
    line.components(separatedBy: "| step").last.flatMap { $0.split(separator: " ").first }.flatMap { Int($0) }
      ?? 0
  }

  var isRunning: Bool {
    guard status == nil else { return false }
    var code: Int32 = 0
    guard waitpid(pid, &code, WNOHANG) == pid else { return true }
    status = code & 0x7f == 0 ? (code >> 8) & 0xff : 128 + code & 0x7f
    return false
  }

  /// The exit status; 128 + signal if a signal ended it. Records an issue if it takes longer.
  func end(within seconds: Double = 60) -> Int32 {
    if !wait(until: { !isRunning }, seconds: seconds) {
      Issue.record("still running after \(seconds) s: \(text)")
      for process in descendants + [pid] { kill(process, SIGKILL) }
      waitpid(pid, nil, 0)
      status = -1
    }
    return status ?? -1
  }

  /// Every process below this one. Ranks are those that run gpt-ddp.
  var descendants: [pid_t] {
    var found: [pid_t] = []
    var open = [pid]
    while let parent = open.popLast() {
      let children = Leftovers.read("/proc/\(parent)/task/\(parent)/children").split(separator: " ")
        .compactMap { pid_t($0) }
      found += children
      open += children
    }
    return found
  }

  var ranks: [pid_t] {
    descendants.filter {
      Leftovers.read("/proc/\($0)/environ").contains("OMPI_COMM_WORLD_RANK=")
        && Leftovers.read("/proc/\($0)/comm").hasPrefix("gpt-ddp")
    }.sorted()
  }

  /// Looks at processes and shared memory, so that `remains` can tell what outlives the job.
  func survey() {
    let processes = descendants
    seen.formUnion(processes)
    for process in processes {
      segments.formUnion(Leftovers.mappedSegments(maps: Leftovers.read("/proc/\(process)/maps")))
    }
  }

  /// What is left of the surveyed processes and shared memory after `seconds`, and when nothing was.
  func remains(after seconds: Double) -> (what: [String], seconds: Double) {
    let start = ContinuousClock.now
    while true {
      let processes = seen.filter {
        let state = Leftovers.read("/proc/\($0)/stat")
        return !state.isEmpty && !state.contains(") Z ")
      }
      let files = segments.filter { access($0, F_OK) == 0 }
      let waited = (ContinuousClock.now - start) / .seconds(1)
      if processes.isEmpty && files.isEmpty { return ([], waited) }
      if waited > seconds { return (processes.map { "process \($0)" } + files, waited) }
      usleep(20_000)
    }
  }
}
