// Checks that all ranks hold the same weights, or names those that differ. Compares hashes; computes none.

import Platform

/// The comparison of one 64-bit hash per rank.
public struct ReplicaCheck: Equatable, Sendable {
  /// The hash of more than half of the ranks, if there is one.
  public let majority: UInt64?
  /// The ranks that differ from the majority; without a majority, all ranks.
  public let diverging: [Int]

  /// - Parameter hashes: by rank, at least one.
  public init(hashes: [UInt64]) {
    precondition(!hashes.isEmpty)
    let counts = Dictionary(hashes.map { ($0, 1) }, uniquingKeysWith: +)
    let majority = counts.first { 2 * $0.value > hashes.count }?.key
    self.majority = majority
    diverging = hashes.indices.filter { hashes[$0] != majority }
  }

  public var isClean: Bool { diverging.isEmpty }

  /// - Throws: a `RuntimeFailure` naming the ranks that diverge, agreed by all (`Communicator.agreed`).
  public static func verify(
    hashes: [UInt64], of subject: String, step: Int, communicator: Communicator
  ) throws {
    let check = ReplicaCheck(hashes: hashes)
    guard !check.isClean else { return }
    let names = check.diverging.map {
      "\(communicator.describe($0)) has \(String(hashes[$0], radix: 16))"
    }.joined(separator: ", ")
    let rule = check.majority.map { "the majority has \(String($0, radix: 16))" } ?? "no majority"
    throw communicator.agreed(
      RuntimeFailure(
        "\(subject) differ between ranks at step \(step): \(names); \(rule); "
          + "suspect the memory or CPU of these hosts; resume from the last checkpoint"))
  }
}
