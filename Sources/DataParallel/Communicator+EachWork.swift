// What some ranks do at the same time, each on its own host, and what may take as long as a disk likes: all ranks wait
// for all of it, know that everybody is alive, and rank 0 says how far it has come.

import Liveness
import Platform
import TerminalDisplay

/// What the work of a rank is doing, and what ends it before its time.
public struct EachWait {
  let progress: () -> String
  public let isAskedToStop: () -> Bool

  /// - Parameters:
  ///   - progress: of this rank's work, in words; asked several times a second.
  ///   - isAskedToStop: of this rank.
  public init(progress: @escaping () -> String, isAskedToStop: @escaping () -> Bool = { false }) {
    self.progress = progress
    self.isAskedToStop = isAskedToStop
  }
}

extension Communicator {
  /// Runs `body` on a thread of its own on every rank that has one; returns once all are done, on all ranks.
  ///
  /// - Parameter body: nil for a rank that only waits.
  /// - Returns: its result.
  /// - Throws: `AgreedFailure` with this rank's error on the first rank that failed, else `PeerFailure`, at once: the
  ///   work of other ranks is left behind. The same with `Interruption` if a rank is asked to stop.
  public func eachWork<T>(_ wait: EachWait, _ body: (() throws -> T)?) throws -> T? {
    let work = try body.map { try RootWork($0) }
    let activity = isRoot ? Activity.begin("") : nil
    defer { activity?.end() }
    waitsLong = true
    defer { waitsLong = false }
    while true {
      Heartbeat.beat()
      let isDone = work?.completion.wait(seconds: signInterval) ?? true
      var sign = WorkSign()
      sign.isDone = isDone
      sign.isAskedToStop = wait.isAskedToStop()
      if isDone, case .failure(let error) = work?.result {
        sign.status = UInt8(truncatingIfNeeded: ExitStatus.of(error))
      }
      if !isDone { sign.progress = wait.progress() }
      let signs = try allgather(sign.bytes).map(WorkSign.init(bytes:))
      if let failure = failure(signs.map(\.status), own: isDone ? work?.result : nil) { throw failure }
      if signs.contains(where: \.isAskedToStop) { throw agreed(Interruption()) }
      if signs.allSatisfy(\.isDone) { return try work?.result?.get() }
      if isRoot, let busy = signs.firstIndex(where: { !$0.isDone && !$0.progress.isEmpty }) {
        let place = peers[busy].host == peers[rank].host ? "" : "\(peers[busy].host): "
        activity?.say(place + signs[busy].progress, isCounted: true)
      }
    }
  }
}

/// What a rank tells the others while it works or waits.
struct WorkSign {
  var isDone = false
  var isAskedToStop = false
  /// The exit status of an error.
  var status: UInt8 = 0
  var progress = ""

  init() {}

  init(bytes: [UInt8]) {
    guard bytes.count >= 3 else { return }
    isDone = bytes[0] != 0
    isAskedToStop = bytes[1] != 0
    status = bytes[2]
    progress = String(decoding: bytes[3...], as: UTF8.self)
  }

  var bytes: [UInt8] { [isDone ? 1 : 0, isAskedToStop ? 1 : 0, status] + progress.utf8 }
}
