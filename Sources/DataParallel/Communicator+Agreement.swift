// Work that may fail on one rank: all ranks learn of it, and end together with its cause.

import Diagnostics

/// A failure of another rank. Its cause has been, or will be, printed by that rank.
public struct PeerFailure: Error, Sendable {
  public let rank: Int
  public let status: Int32
}

extension Communicator {
  /// Runs `body` on this rank; returns only if it succeeded on every rank.
  ///
  /// - Throws: this rank's own error if it is the first rank that failed, else `PeerFailure`.
  public func together<T>(_ body: () throws -> T) throws -> T {
    let result = Result(catching: body)
    var status: UInt8 = 0
    if case .failure(let error) = result {
      status = UInt8(truncatingIfNeeded: error is InvalidInput ? ExitStatus.usage : ExitStatus.failure)
    }
    let statuses = try allgather([status])
    guard let failed = statuses.firstIndex(where: { $0 != [0] }) else { return try result.get() }
    if failed == rank { return try result.get() }
    throw PeerFailure(rank: failed, status: Int32(statuses[failed].first ?? 1))
  }

  /// Runs `body` on rank 0 and gives its bytes to every rank.
  ///
  /// - Throws: the error of `body` on rank 0, `PeerFailure` elsewhere.
  public func fromRoot(_ body: () throws -> [UInt8]) throws -> [UInt8] {
    let bytes = try together { isRoot ? try body() : [] }
    var count = [bytes.count]
    try broadcast(&count)
    var result = isRoot ? bytes : [UInt8](repeating: 0, count: count[0])
    try broadcast(&result)
    return result
  }
}
