// What bounds the memory of this process: the machine, its control groups, the batch system, its own limit. Only looks;
// HostMemory decides.

import Foundation
import Platform

/// One bound, and what it leaves.
public struct MemoryLimit: Equatable, Sendable {
  /// Equal for the processes of a host that share it; empty for one that a process has by itself.
  public let name: String
  /// `the machine's memory`
  public let words: String
  /// Bytes beyond what its processes have already taken; if `isTotal`, all their bytes.
  public let available: Int
  /// The bound does not tell what is used.
  public let isTotal: Bool

  public init(name: String, words: String, available: Int, isTotal: Bool = false) {
    self.name = name
    self.words = words
    self.available = available
    self.isTotal = isTotal
  }
}

public enum MemoryLimits {
  /// All bounds of this process that can be told.
  public static func current() -> [MemoryLimit] {
    let own = Machine.addressSpaceLeft.map {
      // Beside what is used come stacks, what allocators reserve, and libraries' buffers.
      MemoryLimit(
        name: "", words: "the limit of memory (ulimit -v)", available: max(0, $0 - addressSpaceReserve))
    }
    return ([machine(root: ""), slurm(ProcessInfo.processInfo.environment), own].compactMap { $0 })
      + ControlGroups.limits(root: "")
  }

  private static let addressSpaceReserve = 448 << 20

  /// Swap counts: what needs it is slow, but fits.
  ///
  /// - Parameter root: in front of /proc; empty except in tests.
  static func machine(root: String) -> MemoryLimit? {
    guard let text = smallFile(root + "/proc/meminfo") else { return nil }
    var values: [Substring: Int] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count >= 2, let kilobytes = Int(words[1]) { values[words[0]] = kilobytes << 10 }
    }
    guard let available = values["MemAvailable:"] else { return nil }
    var left = available + (values["SwapFree:"] ?? 0)
    // A kernel that promises no more than it has counts promises.
    let isStrict = smallFile(root + "/proc/sys/vm/overcommit_memory")?.hasPrefix("2") == true
    if isStrict, let limit = values["CommitLimit:"], let used = values["Committed_AS:"] {
      left = min(left, max(0, limit - used))
    }
    return MemoryLimit(name: "machine", words: "the machine's memory", available: left)
  }

  /// `--mem` and `--mem-per-cpu` of SLURM, in megabytes in the environment of a job; 0 is the whole node.
  static func slurm(_ environment: [String: String]) -> MemoryLimit? {
    guard environment["SLURM_JOB_ID"] != nil else { return nil }
    func number(_ name: String) -> Int? {
      // `8(x2),4` are the CPUs of three nodes.
      environment[name].flatMap { Int($0.prefix { $0.isNumber }) }
    }
    if let node = number("SLURM_MEM_PER_NODE"), node > 0 {
      return MemoryLimit(
        name: "slurm", words: "SLURM's --mem of this job", available: node << 20, isTotal: true)
    }
    guard let perCPU = number("SLURM_MEM_PER_CPU"), perCPU > 0,
      let cpus = number("SLURM_CPUS_ON_NODE") ?? number("SLURM_JOB_CPUS_PER_NODE")
    else { return nil }
    return MemoryLimit(
      name: "slurm", words: "SLURM's --mem-per-cpu of \(cpus) CPUs", available: (perCPU * cpus) << 20,
      isTotal: true)
  }
}
