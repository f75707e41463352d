// Hidden test interface: faults that a test asks for by name. Refused unless MICROGPT_ENABLE_FAULTS=1, so that no
// user ever meets it by accident.

import Diagnostics
import Foundation
import GPTModel
import Kernels

/// One fault at one place: `kind:rank=R,step=S`. A supervised job meets it in its first start, and with `,every=1`
/// in each.
public struct FaultPlan: Equatable, Sendable {
  public enum Kind: String, CaseIterable, Sendable {
    /// Throws an error in the gradient phase.
    case `throw`
    /// Stops the process (SIGSTOP) in the gradient phase.
    case stop
    /// Ends the process with SIGKILL in the gradient phase, in the exchange, or in a validation.
    case kill, killInExchange = "kill-in-exchange", killInValidation = "kill-in-validation"
    /// Ends the process with SIGKILL in a save: after the bytes are written, after they are verified, after the
    /// file is in its place.
    case killWritten = "kill-written", killVerified = "kill-verified", killRenamed = "kill-renamed"
    /// Loops for ever in the gradient phase.
    case spin
    /// Takes four seconds for one gradient phase, or for one validation.
    case late, lateInValidation = "late-in-validation"
    /// Puts NaN into the loss, or into one gradient.
    case nanLoss = "nan-loss", nanGradient = "nan-gradient"
    /// Puts NaN into one weight of this rank's replica before the step.
    case nanWeight = "nan-weight"
    /// Changes one weight of this rank's replica after the update.
    case diverge
    /// Makes every gradient phase from this step on 20 ms longer, or as many as `ms=` says.
    case slow
  }

  public enum Point: Sendable { case gradient, exchange, validation, saveWritten, saveVerified, saveRenamed }

  public let kind: Kind
  public let rank: Int
  public let step: Int
  public let isInEveryStart: Bool
  private let milliseconds: UInt32

  /// - Throws: `InvalidInput` if the text is malformed or faults are not enabled.
  public init(_ text: String) throws {
    guard ProcessInfo.processInfo.environment["MICROGPT_ENABLE_FAULTS"] == "1" else {
      throw InvalidInput("--fault is a test interface; it needs MICROGPT_ENABLE_FAULTS=1 in the environment")
    }
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    var numbers: [String: Int] = [:]
    for pair in (parts.count == 2 ? parts[1] : "").split(separator: ",") {
      let halves = pair.split(separator: "=").map(String.init)
      if halves.count == 2, let number = Int(halves[1]) { numbers[halves[0]] = number }
    }
    guard let kind = parts.first.flatMap(Kind.init(rawValue:)), let rank = numbers["rank"],
      let step = numbers["step"], Set(numbers.keys).isSubset(of: ["rank", "step", "every", "ms"])
    else {
      throw InvalidInput(
        "--fault '\(text)' is malformed; write KIND:rank=R,step=S with KIND one of "
          + Kind.allCases.map(\.rawValue).joined(separator: " | "))
    }
    self.kind = kind
    self.rank = rank
    self.step = step
    milliseconds = UInt32(clamping: numbers["ms"] ?? 20)
    isInEveryStart = numbers["every"] == 1
  }

  private func isDue(_ kinds: Kind..., step: Int, rank: Int) -> Bool {
    kinds.contains(kind) && self.step == step && self.rank == rank
  }

  private static let lateSeconds: UInt32 = 4

  public func reach(_ point: Point, step: Int, rank: Int) throws {
    switch point {
    case .gradient:
      if isDue(.throw, step: step, rank: rank) {
        throw RuntimeFailure("step \(step): injected failure on rank \(rank)")
      }
      if isDue(.stop, step: step, rank: rank) { raise(SIGSTOP) }
      if isDue(.kill, step: step, rank: rank) { raise(SIGKILL) }
      if kind == .slow, self.rank == rank, step >= self.step { usleep(milliseconds * 1000) }
      if isDue(.spin, step: step, rank: rank) { while true {} }
      if isDue(.late, step: step, rank: rank) { Self.waitLate() }
    case .exchange: if isDue(.killInExchange, step: step, rank: rank) { raise(SIGKILL) }
    case .validation:
      if isDue(.killInValidation, step: step, rank: rank) { raise(SIGKILL) }
      if isDue(.lateInValidation, step: step, rank: rank) { Self.waitLate() }
    case .saveWritten: if isDue(.killWritten, step: step, rank: rank) { raise(SIGKILL) }
    case .saveVerified: if isDue(.killVerified, step: step, rank: rank) { raise(SIGKILL) }
    case .saveRenamed: if isDue(.killRenamed, step: step, rank: rank) { raise(SIGKILL) }
    }
  }

  /// Signals shorten a sleep; this one lasts.
  private static func waitLate() {
    let end = ContinuousClock.now + .seconds(lateSeconds)
    while ContinuousClock.now < end { usleep(10_000) }
  }

  func poison(_ weights: FloatArena, _ table: ParameterTable, step: Int, rank: Int) {
    if isDue(.nanWeight, step: step, rank: rank) {
      weights.base[table.entries[table.blocks[0].expand].offset] = .nan
    }
  }

  func poison(_ computer: GradientComputer, step: Int, rank: Int) throws {
    if isDue(.nanLoss, step: step, rank: rank) { computer.poisonLoss() }
    if isDue(.nanGradient, step: step, rank: rank) {
      let entry = computer.model.table.entries[computer.model.table.blocks[0].expand]
      computer.fold.node(0)[entry.offset] = .nan
    }
  }

  func diverge(_ weights: FloatArena, step: Int, rank: Int) {
    if isDue(.diverge, step: step, rank: rank) { weights.base[0] += 1 }
  }
}
