// Which ranks share memory.

/// The ranks of a job by host. A host whose ranks cannot share memory counts as several.
public struct HostLayout: Equatable, Sendable {
  /// The ranks of each host, ascending; hosts in the order of their first ranks.
  public let hosts: [[Int]]
  /// By rank.
  private let hostOfRank: [Int]
  private let memberOfRank: [Int]

  /// - Parameter names: of each rank's host; equal names share memory.
  public init(names: [some Hashable]) {
    precondition(!names.isEmpty)
    var hosts: [[Int]] = []
    var hostOfName: [AnyHashable: Int] = [:]
    var hostOfRank: [Int] = []
    var memberOfRank: [Int] = []
    for (rank, name) in names.enumerated() {
      let host = hostOfName[AnyHashable(name), default: hosts.count]
      if host == hosts.count {
        hostOfName[AnyHashable(name)] = host
        hosts.append([])
      }
      hostOfRank.append(host)
      memberOfRank.append(hosts[host].count)
      hosts[host].append(rank)
    }
    self.hosts = hosts
    self.hostOfRank = hostOfRank
    self.memberOfRank = memberOfRank
  }

  public var worldSize: Int { hostOfRank.count }
  public var mostRanksOfAHost: Int { hosts.map(\.count).max()! }
  public func host(of rank: Int) -> Int { hostOfRank[rank] }
  /// The position of `rank` among the ranks of its host.
  public func member(of rank: Int) -> Int { memberOfRank[rank] }
}
