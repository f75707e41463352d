// The processes below a job and the shared memory that they map, and what of both outlives it. By /proc only,
// and knowing nothing of the product's own cleaning up.

import Glibc
import Platform

extension Job {
  /// Whether it runs, or is stopped. A zombie does not: its parent has just not asked yet.
  public static func isRunning(_ process: pid_t) -> Bool { ProcessIdentity.startTime(of: process) != nil }

  /// `T` is stopped, `R` and `S` run, as in ps(1); nil if there is no such process.
  public static func state(of process: pid_t) -> Character? {
    // The name in parentheses may itself hold parentheses.
    (smallFile("/proc/\(process)/stat") ?? "").split(separator: ")").last?.first { $0 != " " }
  }

  public static func children(of process: pid_t) -> [pid_t] {
    (smallFile("/proc/\(process)/task/\(process)/children") ?? "").split(separator: " ")
      .compactMap { pid_t($0) }
  }

  /// The name of what it executes, cut to 15 characters.
  public static func name(of process: pid_t) -> String {
    String((smallFile("/proc/\(process)/comm") ?? "").prefix { $0 != "\n" })
  }

  /// Files of shared memory that a process has mapped and that still have a name.
  public static func segments(of process: pid_t) -> Set<String> {
    let paths = (smallFile("/proc/\(process)/maps") ?? "").split(separator: "\n").compactMap { line in
      line.firstIndex(of: "/").map { String(line[$0...]) }
    }
    return Set(paths.filter { $0.hasPrefix("/dev/shm/") && !$0.hasSuffix(" (deleted)") })
  }

  public var children: [pid_t] { Self.children(of: pid) }

  /// Every process below this one.
  public var descendants: [pid_t] {
    var found: [pid_t] = []
    var open = [pid]
    while let parent = open.popLast() {
      let children = Self.children(of: parent)
      found += children
      open += children
    }
    return found
  }

  /// The ranks on this host, by number. What they start is none.
  public var ranks: [pid_t] {
    var found: [(rank: Int, process: pid_t)] = []
    var open = [pid]
    while let parent = open.popLast() {
      for child in Self.children(of: parent) {
        if let rank = Self.rank(of: child) { found.append((rank, child)) } else { open.append(child) }
      }
    }
    return found.sorted { $0.rank < $1.rank }.map(\.process)
  }

  private static func rank(of process: pid_t) -> Int? {
    let variable = "OMPI_COMM_WORLD_RANK="
    return (smallFile("/proc/\(process)/environ") ?? "").split(separator: "\0")
      .first { $0.hasPrefix(variable) }.flatMap { Int($0.dropFirst(variable.count)) }
  }

  /// Looks at processes and shared memory, so that `remains` can tell what outlives the job.
  public func survey() {
    for process in descendants {
      seen[process] = ProcessIdentity.startTime(of: process)
      segments.formUnion(Self.segments(of: process))
    }
  }

  /// What is left of the surveyed processes and shared memory after `seconds`, and when nothing was.
  public func remains(after seconds: Double) -> (what: [String], seconds: Double) {
    let start = monotonicSeconds()
    var what: [String] = []
    _ = waitUntil(seconds: seconds) {
      let processes = seen.filter { ProcessIdentity.startTime(of: $0.key) == $0.value }
      what = processes.map { "process \($0.key) (\(Self.name(of: $0.key)))" }
      what += segments.filter { access($0, F_OK) == 0 }
      return what.isEmpty
    }
    return (what, monotonicSeconds() - start)
  }
}
