// Work that may fail on one rank: all ranks learn of it and end together, with its cause.

import Platform

/// A failure that all ranks know of and stop at; this rank reports why.
public struct AgreedFailure: Error {
  public let cause: any Error
  /// Where, if it concerns one of several hosts.
  public var host: String?
}

/// A failure that all ranks know of and stop at; `rank` reports why.
public struct PeerFailure: Error, Sendable {
  public let rank: Int
  public let status: Int32
}

extension Communicator {
  /// Runs `body` on this rank; returns only if it succeeded on every rank.
  ///
  /// - Throws: `AgreedFailure` with this rank's error on the first rank that failed, else `PeerFailure`.
  public func together<T>(_ body: () throws -> T) throws -> T {
    let result = Result(catching: body)
    var status: UInt8 = 0
    if case .failure(let error) = result { status = UInt8(truncatingIfNeeded: ExitStatus.of(error)) }
    let statuses = try allgather([status]).map { $0.first ?? 1 }
    if let failure = failure(statuses, own: result) { throw failure }
    return try result.get()
  }

  /// What this rank throws after work that failed on some; nil if it did on none.
  ///
  /// - Parameters:
  ///   - statuses: by rank, the exit status of its error, or 0.
  ///   - own: what this rank's work came to; nil if it had none.
  func failure<T>(_ statuses: [UInt8], own: Result<T, any Error>?) -> (any Error)? {
    guard let failed = statuses.firstIndex(where: { $0 != 0 }) else { return nil }
    guard failed == rank, case .failure(let error) = own else {
      return PeerFailure(rank: failed, status: Int32(statuses[failed]))
    }
    let isEverywhere = statuses.allSatisfy { $0 != 0 }
    return AgreedFailure(cause: error, host: isEverywhere ? nil : ownHostOfSeveral)
  }

  /// The name of this rank's host; nil if all ranks are on it.
  var ownHostOfSeveral: String? {
    peers.contains { $0.host != peers[rank].host } ? peers[rank].host : nil
  }

  /// What to throw when every rank has found the same error by itself, at the same point: rank 0 reports it.
  public func agreed(_ error: any Error) -> any Error {
    isRoot ? AgreedFailure(cause: error) : PeerFailure(rank: 0, status: ExitStatus.of(error))
  }

  /// Runs `body` on rank 0, however long it takes, and sends its bytes to every rank.
  ///
  /// - Parameter subject: what the others wait for, in words.
  /// - Throws: `AgreedFailure` with the error of `body` on rank 0, `PeerFailure` elsewhere.
  public func fromRoot(
    waitingFor subject: String = "rank 0's preparations", _ body: @escaping () throws -> [UInt8]
  ) throws -> [UInt8] {
    let bytes = try rootWork(RootWait(for: subject), body) ?? []
    var count = [bytes.count]
    try broadcast(&count)
    var result = isRoot ? bytes : [UInt8](repeating: 0, count: count[0])
    try broadcast(&result)
    return result
  }
}
