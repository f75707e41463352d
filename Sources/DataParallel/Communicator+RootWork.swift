// What rank 0 does alone and what may take as long as a disk, a network or a terminal likes: the others wait with it
// and know that it is alive. A slow disk is no hung rank; a hung rank is still found.

import Liveness
import Platform
import TerminalDisplay

/// What is waited for, and what ends the waiting before its time.
public struct RootWait {
  let subject: () -> String
  let isAskedToStop: () -> Bool
  let patience: Double

  /// - Parameters:
  ///   - subject: in words, asked when a line is due.
  ///   - patience: seconds that are left for it once a rank is asked to stop.
  ///   - isAskedToStop: of this rank.
  public init(
    for subject: @autoclosure @escaping () -> String, patience: Double = 30,
    isAskedToStop: @escaping () -> Bool = { false }
  ) {
    self.subject = subject
    self.patience = patience
    self.isAskedToStop = isAskedToStop
  }
}

extension Communicator {
  /// Seconds between two signs of life.
  var signInterval: Double { min(0.5, hangTimeout / 4) }

  /// Runs `body` on rank 0, on a thread of its own; all ranks wait for it, however long it takes.
  ///
  /// - Returns: its result; nil on the other ranks.
  /// - Throws: as `together` does. Also if a rank was asked to stop and the patience is used up: `body` is then left
  ///   behind, unfinished.
  @discardableResult
  public func rootWork<T>(_ wait: RootWait, _ body: @escaping () throws -> T) throws -> T? {
    let work = isRoot ? try RootWork(body) : nil
    // Has no words before there is something to wait for.
    let waiting = isRoot ? Activity.begin("") : nil
    defer { waiting?.end() }
    var stopping: CappedClock?
    while true {
      Heartbeat.beat()
      let isDone = work?.completion.wait(seconds: signInterval) == true
      stopping?.tick()
      if stopping == nil, wait.isAskedToStop() { stopping = CappedClock() }
      let isLate = stopping.map { $0.seconds > wait.patience } == true
      let sign = isDone ? work?.sign : isLate && isRoot ? .late : .working
      let signs = try allgather([(sign ?? .working).rawValue, stopping == nil ? 0 : 1])
      if stopping == nil, signs.contains(where: { $0[1] == 1 }) { stopping = CappedClock() }
      switch RootSign(rawValue: signs[0][0]) {
      case .done: return try work?.result?.get()
      case .failed, .misused:
        if case .failure(let error) = work?.result {
          throw AgreedFailure(cause: error, host: ownHostOfSeveral)
        }
        let isMisused = signs[0][0] == RootSign.misused.rawValue
        throw PeerFailure(rank: 0, status: isMisused ? ExitStatus.usage : ExitStatus.failure)
      case .late:
        throw agreed(UnfinishedWork(subject: wait.subject(), seconds: wait.patience))
      case .working, nil: waiting?.say("waiting for \(wait.subject())")
      }
    }
  }
}

/// Rank 0's work that a request to stop did not leave time for.
public struct UnfinishedWork: Error, CustomStringConvertible {
  let subject: String
  let seconds: Double
  public var description: String {
    "asked to stop, but waiting for \(subject) takes more than \(Int(seconds)) s; ending without it"
  }
}

private enum RootSign: UInt8 { case working, done, failed, misused, late }

/// Set by its thread, read by the one that waits for the completion.
final class RootWork<T>: @unchecked Sendable {
  let completion = Completion()
  private(set) var result: Result<T, any Error>?
  private let body: () throws -> T

  init(_ body: @escaping () throws -> T) throws {
    self.body = body
    _ = try BackgroundThread(name: "root work") { [self] in
      result = Result(catching: self.body)
      completion.finish()
    }
  }

  fileprivate var sign: RootSign {
    guard case .failure(let error) = result else { return .done }
    return error is InvalidInput ? .misused : .failed
  }
}
