// What SLURM has given a job, from the variables that it sets. Pure.

import Platform

/// Nodes, tasks and processors of a job, as its script or one of its processes sees them.
public struct SlurmAllocation: Equatable, Sendable {
  /// How many ranks mpirun starts here without being told more: the tasks that were asked for.
  public let taskCount: Int
  /// Processors on all nodes.
  public let processorCount: Int
  /// Of the job, or of the step, on this node; nil if it is not said.
  public let localProcessorCount: Int?
  /// `--cpus-per-task`, if it was given.
  public let processorsPerTask: Int?

  /// - Returns: nil outside a job.
  public init?(_ variables: [String: String]) {
    func number(_ name: String) -> Int? { variables[name].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } }
    guard variables["SLURM_JOB_ID"] != nil else { return nil }
    processorsPerTask = number("SLURM_CPUS_PER_TASK")
    localProcessorCount = number("SLURM_CPUS_ON_NODE")
    let perNode = variables["SLURM_JOB_CPUS_PER_NODE"].flatMap(Self.counts)
    processorCount = perNode?.reduce(0, +) ?? localProcessorCount ?? 1
    taskCount =
      variables["SLURM_TASKS_PER_NODE"].flatMap(Self.counts)?.reduce(0, +) ?? number("SLURM_NTASKS") ?? 1
  }

  /// Of this process; nil outside a job.
  public static var current: SlurmAllocation? {
    let names = [
      "SLURM_JOB_ID", "SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "SLURM_JOB_CPUS_PER_NODE",
      "SLURM_TASKS_PER_NODE", "SLURM_NTASKS",
    ]
    return SlurmAllocation(
      names.reduce(into: [:]) { variables, name in variables[name] = environmentVariable(name) })
  }

  /// SLURM's list of a number for each node: `2(x3),1` is 2, 2, 2, 1.
  ///
  /// - Returns: nil if it is not one.
  static func counts(_ text: String) -> [Int]? {
    var counts: [Int] = []
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = item.split(separator: "(", omittingEmptySubsequences: false)
      guard let count = Int(parts[0]), count >= 0, parts.count <= 2 else { return nil }
      var nodes = 1
      if parts.count == 2 {
        guard parts[1].hasPrefix("x"), parts[1].hasSuffix(")"),
          let repeated = Int(parts[1].dropFirst().dropLast()), (1...1_000_000).contains(repeated)
        else { return nil }
        nodes = repeated
      }
      guard counts.count + nodes <= 1_000_000 else { return nil }
      counts += Array(repeating: count, count: nodes)
    }
    return counts
  }

  /// The threads of a rank that leave other jobs' processors alone, and each other's.
  ///
  /// - Parameters:
  ///   - localSize: ranks on this node.
  ///   - usableCount: processors that the affinity mask of this rank allows.
  ///   - hostCount: processors of the host.
  /// - Returns: how many, and what has said so; nil where the job says nothing.
  public func threads(localSize: Int, usableCount: Int, hostCount: Int) -> (count: Int, source: String)? {
    let share = localProcessorCount.map { max(1, min($0, hostCount) / localSize) }
    let asked = processorsPerTask.map { min($0, share ?? $0) }
    guard let count = asked ?? share else { return nil }
    let source =
      asked != nil && asked == processorsPerTask
      ? "SLURM_CPUS_PER_TASK=\(processorsPerTask ?? 0)"
      : "SLURM_CPUS_ON_NODE=\(localProcessorCount ?? 0), ranks on this node: \(localSize)"
    return (min(count, usableCount), source)
  }
}
