// The processors' time that control groups give this process: `docker --cpus`, Kubernetes' limits. Affinity masks do not
// show it.

import Platform

struct ProcessorQuota: Equatable {
  /// The group that says so.
  let group: String
  let processors: Double

  /// The tightest of this process's group and those above it, versions 1 and 2; nil if none has one.
  ///
  /// - Parameter root: in front of /proc and /sys; empty except in tests.
  static func current(root: String = "") -> ProcessorQuota? {
    let lines = (smallFile(root + "/proc/self/cgroup") ?? "").split(separator: "\n")
    var found: [ProcessorQuota] = []
    for line in lines {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let controllers = fields[1].split(separator: ",")
      guard fields[1].isEmpty || controllers.contains("cpu") else { continue }
      let places =
        fields[1].isEmpty ? ["/sys/fs/cgroup"] : ["/sys/fs/cgroup/\(fields[1])", "/sys/fs/cgroup/cpu"]
      // A container may show its own group as the top.
      var path = Substring(fields[2])
      while true {
        for place in places {
          let folder = place + (path == "/" ? "" : path)
          if let count = processors(root + folder) {
            found.append(ProcessorQuota(group: String(path.isEmpty ? "/" : path), processors: count))
          }
        }
        guard let slash = path.lastIndex(of: "/"), path.count > 1 else { break }
        path = slash == path.startIndex ? "/" : path[..<slash]
      }
    }
    return found.min { $0.processors < $1.processors }
  }

  private static func processors(_ folder: String) -> Double? {
    func numbers(_ name: String) -> [Double?] {
      (smallFile("\(folder)/\(name)") ?? "").split { " \n".contains($0) }.map { Double($0) }
    }
    let second = numbers("cpu.max")
    if second.count == 2, let quota = second[0], let period = second[1], period > 0 { return quota / period }
    guard let quota = numbers("cpu.cfs_quota_us").first ?? nil, quota > 0,
      let period = numbers("cpu.cfs_period_us").first ?? nil, period > 0
    else { return nil }
    return quota / period
  }
}
