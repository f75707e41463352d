// What a step asks of hosts that nobody has, against plans drawn by hand.

import Testing
import TrainingState

@testable import Capacity

@Suite struct ScalePlanTests {
  /// Eight leaves.
  private func rows(_ hosts: [Int], ranksPerHost: Int = 1) -> [ScalePlan.Row] {
    var configuration = TrainingConfiguration()
    configuration.globalBatchSize = 32
    configuration.microbatchSize = 4
    return ScalePlan(configuration, hosts: hosts, ranksPerHost: ranksPerHost).rows
  }

  @Test func aRankAHost() {
    typealias Row = ScalePlan.Row
    // Three hosts: 0…2, 3…5 and 6…7 are the nodes {0 1}{2}, {3}{4 5} and {6 7}.
    #expect(
      rows([1, 2, 3, 16]) == [
        Row(hosts: 1, leavesOfRank: 8, foldsOfRank: 7, sumsOfHost: 0, nodesOfHost: 1, nodes: 1),
        Row(hosts: 2, leavesOfRank: 4, foldsOfRank: 3, sumsOfHost: 0, nodesOfHost: 1, nodes: 2),
        Row(hosts: 3, leavesOfRank: 3, foldsOfRank: 1, sumsOfHost: 0, nodesOfHost: 2, nodes: 5),
        Row(hosts: 16, leavesOfRank: 1, foldsOfRank: 0, sumsOfHost: 0, nodesOfHost: 1, nodes: 8),
      ])
  }

  @Test func ranksOfAHostFinishItsNodesTogether() {
    let two = rows([1, 2], ranksPerHost: 2)
    #expect(two.map(\.leavesOfRank) == [4, 2] && two.map(\.sumsOfHost) == [1, 1])
    #expect(two.map(\.nodesOfHost) == [1, 1])
  }
}
