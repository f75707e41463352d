// Hidden test interface: faults that a test asks for by name. Refused unless MICROGPT_ENABLE_FAULTS=1, so that no
// user ever meets it by accident.

import Diagnostics
import Foundation
import Kernels

/// One fault at one place: `kind:rank=R,step=S`.
public struct FaultPlan: Equatable, Sendable {
  public enum Kind: String, CaseIterable, Sendable {
    /// Throws an error in the gradient phase.
    case `throw`
    /// Stops the process (SIGSTOP) in the gradient phase.
    case stop
    /// Ends the process with SIGKILL in the gradient phase, in the exchange, or in a validation.
    case kill, killInExchange = "kill-in-exchange", killInValidation = "kill-in-validation"
    /// Loops for ever in the gradient phase.
    case spin
    /// Puts NaN into the loss, or into one gradient.
    case nanLoss = "nan-loss", nanGradient = "nan-gradient"
    /// Changes one weight of this rank's replica after the update.
    case diverge
    /// Makes every gradient phase from this step on 20 ms longer.
    case slow
  }

  public enum Point: Sendable { case gradient, exchange, validation }

  public let kind: Kind
  public let rank: Int
  public let step: Int

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
      let step = numbers["step"], numbers.count == 2
    else {
      throw InvalidInput(
        "--fault '\(text)' is malformed; write KIND:rank=R,step=S with KIND one of "
          + Kind.allCases.map(\.rawValue).joined(separator: " | "))
    }
    self.kind = kind
    self.rank = rank
    self.step = step
  }

  private func isDue(_ kinds: Kind..., step: Int, rank: Int) -> Bool {
    kinds.contains(kind) && self.step == step && self.rank == rank
  }

  func reach(_ point: Point, step: Int, rank: Int) throws {
    switch point {
    case .gradient:
      if isDue(.throw, step: step, rank: rank) {
        throw RuntimeFailure("step \(step): injected failure on rank \(rank)")
      }
      if isDue(.stop, step: step, rank: rank) { raise(SIGSTOP) }
      if isDue(.kill, step: step, rank: rank) { raise(SIGKILL) }
      if kind == .slow, self.rank == rank, step >= self.step { usleep(20_000) }
      if isDue(.spin, step: step, rank: rank) { while true {} }
    case .exchange: if isDue(.killInExchange, step: step, rank: rank) { raise(SIGKILL) }
    case .validation: if isDue(.killInValidation, step: step, rank: rank) { raise(SIGKILL) }
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
