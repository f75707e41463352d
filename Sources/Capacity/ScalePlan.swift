// What a step asks of the busiest rank and host, for numbers of hosts that nobody has: read off the plan that a training
// would follow. scripts/scale_model.py multiplies it by what was measured.

import DataParallel
import GPTModel
import Platform
import Reduction
import TrainingState

/// A step's work by number of hosts.
public struct ScalePlan: Sendable {
  package struct Row: Equatable, Sendable {
    package let hosts: Int
    /// Of the rank with the most.
    package let leavesOfRank: Int
    /// Additions of gradients among its own leaves.
    package let foldsOfRank: Int
    /// Additions that finish a host's nodes, shared by its ranks.
    package let sumsOfHost: Int
    /// Nodes of the host with the most, each of which crosses the wire; and of all hosts.
    package let nodesOfHost: Int
    package let nodes: Int
  }

  package let rows: [Row]
  /// Floats of a gradient, padding included.
  package let gradientFloats: Int
  /// Parts of a gradient that several hosts exchange one after the other.
  package let buckets: Int

  /// - Parameter hosts: numbers of hosts, each with `ranksPerHost` ranks.
  public init(_ configuration: TrainingConfiguration, hosts: [Int], ranksPerHost: Int) {
    let table = ParameterTable(configuration.model)
    gradientFloats = table.arenaCount
    buckets = table.backwardBuckets(minimum: GradientExchange.smallestBucket).count
    rows = hosts.map { count in
      let layout = HostLayout(names: (0..<count * ranksPerHost).map { $0 / ranksPerHost })
      let plan = ReductionPlan(leafCount: configuration.leafCount, layout: layout)
      let ranks = 0..<layout.worldSize
      return Row(
        hosts: count,
        leavesOfRank: ranks.map { plan.intervals[$0].count }.max()!,
        foldsOfRank: ranks.map { max(0, plan.intervals[$0].count - plan.nodesOfRank[$0].count) }.max()!,
        sumsOfHost: layout.hosts.indices.map { host in
          max(
            0, layout.hosts[host].reduce(0) { $0 + plan.nodesOfRank[$1].count } - plan.nodesOfHost[host].count
          )
        }.max()!,
        nodesOfHost: plan.nodesOfHost.map(\.count).max()!,
        nodes: plan.nodesOfHost.reduce(0) { $0 + $1.count })
    }
  }

  public var json: JSONText {
    .object([
      ("gradient_floats", .integer(gradientFloats)), ("buckets", .integer(buckets)),
      (
        "plans",
        .array(
          rows.map {
            .object([
              ("hosts", .integer($0.hosts)), ("leaves_of_rank", .integer($0.leavesOfRank)),
              ("folds_of_rank", .integer($0.foldsOfRank)), ("sums_of_host", .integer($0.sumsOfHost)),
              ("nodes_of_host", .integer($0.nodesOfHost)), ("nodes", .integer($0.nodes)),
            ])
          })
      ),
    ])
  }
}
