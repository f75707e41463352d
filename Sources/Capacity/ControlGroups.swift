// The memory limits of the control groups that this process is in, versions 1 and 2, from its own group up to the
// highest that can be seen: a batch system or a container may have set one at any level.

import Foundation
import Platform

enum ControlGroups {
  /// - Parameter root: in front of /proc and of where groups are mounted; empty except in tests.
  static func limits(root: String) -> [MemoryLimit] {
    let groups = (smallFile(root + "/proc/self/cgroup") ?? "").split(separator: "\n").compactMap(Group.init)
    let mounts = (smallFile(root + "/proc/self/mountinfo") ?? "").split(separator: "\n").compactMap(
      Mount.init)
    return groups.flatMap { group -> [MemoryLimit] in
      guard let mount = mounts.last(where: { $0.version == group.version }) else { return [] }
      return mount.folders(of: group.path).compactMap { folder in
        let files = Files(folder: root + folder, version: group.version)
        return files.left.map {
          MemoryLimit(name: folder, words: "the memory limit of control group \(folder)", available: $0)
        }
      }
    }
  }

  /// A line of /proc/self/cgroup: `0::/user.slice` or `4:memory:/docker/abc`.
  private struct Group {
    let version: Int
    let path: String

    init?(_ line: Substring) {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { return nil }
      if fields[1].isEmpty, fields[0] == "0" {
        version = 2
      } else if fields[1].split(separator: ",").contains("memory") {
        version = 1
      } else {
        return nil
      }
      path = String(fields[2])
    }
  }

  /// A line of /proc/self/mountinfo about control groups:
  /// `29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw`.
  private struct Mount {
    let version: Int
    /// Which part of the hierarchy is mounted, and where.
    let top, point: String

    init?(_ line: Substring) {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3, fields.count > 4 else {
        return nil
      }
      switch fields[dash + 1] {
      case "cgroup2": version = 2
      case "cgroup" where fields[dash + 3].split(separator: ",").contains("memory"): version = 1
      default: return nil
      }
      top = fields[3] == "/" ? "" : String(fields[3])
      point = String(fields[4])
    }

    /// From a group's own folder up to the mount point. A container may show its own group as the top.
    func folders(of path: String) -> [String] {
      let isInside = path == top || path.hasPrefix(top + "/")
      var rest = isInside ? Array(path.dropFirst(top.count).split(separator: "/")) : []
      if rest.contains("..") { rest = [] }
      return (0...rest.count).reversed().map { count in
        ([point] + rest.prefix(count).map(String.init)).joined(separator: "/")
      }
    }
  }

  /// The files of one group.
  private struct Files {
    let folder: String
    let version: Int

    private func number(_ name: String) -> Int? {
      smallFile("\(folder)/\(name)").flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    private var statistics: [Substring: Int] {
      let pairs = (smallFile("\(folder)/memory.stat") ?? "").split(separator: "\n").map {
        $0.split(separator: " ")
      }
      return Dictionary(pairs.compactMap { $0.count == 2 ? ($0[0], Int($0[1]) ?? 0) : nil }) { $1 }
    }

    /// Bytes; nil where there is no limit. What the kernel keeps of files, it gives up when it must.
    var left: Int? {
      let isSecond = version == 2
      guard let limit = number(isSecond ? "memory.max" : "memory.limit_in_bytes"), limit < 1 << 60,
        let used = number(isSecond ? "memory.current" : "memory.usage_in_bytes")
      else { return nil }
      let statistics = statistics
      let names: [Substring] =
        isSecond
        ? ["inactive_file", "active_file", "slab_reclaimable"] : ["total_inactive_file", "total_active_file"]
      let reclaimable = names.reduce(0) { $0 + (statistics[$1] ?? 0) }
      return max(0, limit - max(0, used - reclaimable)) + swapLeft
    }

    private var swapLeft: Int {
      guard version == 2, let used = number("memory.swap.current"), let limit = number("memory.swap.max")
      else {
        return 0
      }
      return max(0, limit - used)
    }
  }
}
