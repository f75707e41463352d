// What bounds a process's memory, read from folders that look like /proc and /sys.

import Platform
import TestSupport
import Testing

@testable import Capacity

@Suite struct MemoryLimitsTests {
  /// A root folder with these files.
  private func root(_ files: [String: String]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for (path, text) in files {
      try createFolder(of: folder.path + path)
      try folder.write(Array(text.utf8), to: String(path.dropFirst()))
    }
    return folder
  }

  @Test func theMachineGivesWhatIsAvailableAndSwap() throws {
    let info =
      "MemTotal: 9000 kB\nMemAvailable:    4000 kB\nSwapFree: 500 kB\nCommitLimit: 3000 kB\nCommitted_AS: 2900 kB\n"
    let usual = try root(["/proc/meminfo": info, "/proc/sys/vm/overcommit_memory": "0\n"])
    #expect(MemoryLimits.machine(root: usual.path)?.available == 4_500 << 10)
    // A kernel that promises no more than it has.
    let strict = try root(["/proc/meminfo": info, "/proc/sys/vm/overcommit_memory": "2\n"])
    #expect(MemoryLimits.machine(root: strict.path)?.available == 100 << 10)
    #expect(try MemoryLimits.machine(root: root([:]).path) == nil)
  }

  private static let second = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"

  /// A limit may stand at any level; what the kernel keeps of files counts as free.
  @Test func versionTwoIsWalkedUp() throws {
    let folder = try root([
      "/proc/self/cgroup": "0::/job/step\n", "/proc/self/mountinfo": Self.second,
      "/sys/fs/cgroup/job/memory.max": "3000000\n", "/sys/fs/cgroup/job/memory.current": "1000000\n",
      "/sys/fs/cgroup/job/memory.stat":
        "anon 1\ninactive_file 300000\nactive_file 100000\nslab_reclaimable 50000\n",
      "/sys/fs/cgroup/job/step/memory.max": "max\n", "/sys/fs/cgroup/job/step/memory.current": "10\n",
    ])
    let limits = ControlGroups.limits(root: folder.path)
    #expect(limits.map(\.available) == [2_450_000])
    #expect(limits.map(\.name) == ["/sys/fs/cgroup/job"] && limits[0].words.contains("/sys/fs/cgroup/job"))
  }

  @Test func versionTwoCountsSwap() throws {
    let folder = try root([
      "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": Self.second,
      "/sys/fs/cgroup/memory.max": "500\n", "/sys/fs/cgroup/memory.current": "600\n",
      "/sys/fs/cgroup/memory.swap.max": "70\n", "/sys/fs/cgroup/memory.swap.current": "30\n",
    ])
    #expect(ControlGroups.limits(root: folder.path).map(\.available) == [40])
  }

  /// A container sees its own group as the top, and the path of another name space or none.
  @Test(arguments: ["9:cpu,memory:/docker/abc", "9:memory:/../other"]) func versionOneInAContainer(
    line: String
  ) throws {
    let folder = try root([
      "/proc/self/cgroup": "11:pids:/x\n\(line)\n0::/\n",
      "/proc/self/mountinfo":
        "31 25 0:27 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
        + "32 25 0:28 / /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n",
      "/sys/fs/cgroup/memory/memory.usage_in_bytes": "400\n",
      "/sys/fs/cgroup/memory/memory.stat": "total_inactive_file 100\n",
    ])
    #expect(ControlGroups.limits(root: folder.path).map(\.available) == [700])
  }

  @Test func noLimitIsNone() throws {
    let folder = try root([
      "/proc/self/cgroup": "4:memory:/a\n",
      "/proc/self/mountinfo": "31 25 0:27 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
      "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/a/memory.usage_in_bytes": "400\n",
    ])
    #expect(ControlGroups.limits(root: folder.path).isEmpty)
    #expect(try ControlGroups.limits(root: root([:]).path).isEmpty)
  }

  @Test func slurmCountsMegabytesOfTheNode() {
    func bytes(_ environment: [String: String]) -> Int? { MemoryLimits.slurm(environment)?.available }
    #expect(bytes(["SLURM_JOB_ID": "1", "SLURM_MEM_PER_NODE": "2048"]) == 2_048 << 20)
    #expect(bytes(["SLURM_JOB_ID": "1", "SLURM_MEM_PER_CPU": "100", "SLURM_CPUS_ON_NODE": "4"]) == 400 << 20)
    #expect(
      bytes(["SLURM_JOB_ID": "1", "SLURM_MEM_PER_CPU": "100", "SLURM_JOB_CPUS_PER_NODE": "8(x2),4"]) == 800
        << 20)
    #expect(bytes(["SLURM_JOB_ID": "1", "SLURM_MEM_PER_NODE": "0"]) == nil)
    #expect(bytes(["SLURM_MEM_PER_NODE": "2048"]) == nil)
  }
}
