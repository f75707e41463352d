// A rank that the others wait for in vain, and how long they wait before they say so.

import Liveness
import Platform

/// A peer has died, or has been silent for too long. The state after the last finished step is as good as ever, and
/// what is not saved yet should be: nobody will compute the next one.
public struct LostPeer: Error, CustomStringConvertible {
  public let description: String
}

extension Communicator {
  /// mpirun ends its job within this time of a rank's death, and knows why it died, as does a rank that has said so.
  private static let launcherSeconds = 3.0
  /// After a SIGTERM of SLURM's, whose SIGKILL comes half a minute later: for messages that are on their way here.
  private static let deliverySeconds = 0.4
  /// After a SIGTERM, rank 0 waits for the step in hand so many times as long as any has taken.
  private static let stepFactor = 3.0
  private static let leastSeconds = 3.0

  /// What to throw if waiting for `ranks` is in vain.
  ///
  /// - Parameter seconds: for which nothing has moved.
  func loss(among ranks: [Int], after seconds: Double) -> LostPeer? {
    let termination = SignalRequests.secondsSinceTermination
    let now = monotonicSeconds()
    for rank in ranks where seenDead[rank] == nil && peers[rank].hasDied { seenDead[rank] = now }
    let grace = termination == nil || launcherEndsAll ? Self.launcherSeconds : Self.deliverySeconds
    let dead = ranks.filter { rank in seenDead[rank].map { now - $0 > grace } == true }
    if !dead.isEmpty { return lost(dead, "died") }
    // Of a peer on another host nobody knows. Only rank 0 has something to save; it may be the one that is slow.
    let patience = max(Self.leastSeconds, Self.stepFactor * longestStep)
    if isRoot, let termination, min(seconds, termination) > patience {
      return lost(ranks, "given no sign since SIGTERM")
    }
    return seconds > hangTimeout ? silence(of: ranks, seconds: seconds) : nil
  }

  private func lost(_ ranks: [Int], _ what: String) -> LostPeer {
    let names = ranks.map(describe).joined(separator: ", ")
    return LostPeer(
      description: "\(names) \(ranks.count == 1 ? "has" : "have") \(what), in phase \(Heartbeat.phase.name), "
        + "step \(Heartbeat.step); the job ends")
  }

  /// The error that names hung ranks.
  private func silence(of ranks: [Int], seconds: Double) -> LostPeer {
    let names = ranks.map(describe).joined(separator: ", ")
    return LostPeer(
      description: "no sign of \(names) for \(Int(seconds.rounded())) s in phase \(Heartbeat.phase.name), "
        + "step \(Heartbeat.step); noticed by \(describe(rank)); "
        + "the process is hung or stopped, its host is down, or the network is cut")
  }
}
