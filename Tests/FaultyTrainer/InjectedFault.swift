// Faults that a test asks for by name, at one step of one rank.

import GPTModel
import Glibc
import Kernels
import Platform
import Training

/// One fault at one place: `kind:rank=R,step=S`, and `,every=1` for each start of a supervised job.
final class InjectedFault: TrainingProbe {
  enum Kind: String, CaseIterable {
    /// Throws an error in the gradient phase.
    case `throw`
    /// Stops the process (SIGSTOP) in the gradient phase.
    case stop
    /// Ends the process with SIGKILL in the gradient phase, in the exchange, or in a validation.
    case kill, killInExchange = "kill-in-exchange", killInValidation = "kill-in-validation"
    /// Ends the process with SIGKILL in a save: after the bytes are written, after they are verified, after the
    /// file is in its place.
    case killWritten = "kill-written", killVerified = "kill-verified", killRenamed = "kill-renamed"
    /// Loops for ever in the gradient phase, or where the weights are compared.
    case spin, spinInComparison = "spin-in-comparison"
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
    /// Makes each phase of every save from this step on as long as `ms=` says, or every write of metrics.
    case slowDisk = "slow-disk", slowMetrics = "slow-metrics"
  }

  let isInEveryStart: Bool
  private let kind: Kind
  private let rank: Int
  private let step: Int
  private let milliseconds: UInt32

  /// - Throws: `InvalidInput` if the text is malformed.
  init(_ text: String) throws {
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
        "the fault '\(text)' is malformed; write KIND:rank=R,step=S with KIND one of "
          + Kind.allCases.map(\.rawValue).joined(separator: " | "))
    }
    self.kind = kind
    self.rank = rank
    self.step = step
    milliseconds = UInt32(clamping: numbers["ms"] ?? 20)
    isInEveryStart = numbers["every"] == 1
  }

  private func isDue(_ kind: Kind, step: Int, rank: Int) -> Bool {
    self.kind == kind && self.step == step && self.rank == rank
  }

  /// Signals shorten a sleep; this one lasts.
  private static func waitLate(seconds: Double = 4) {
    let end = monotonicSeconds() + seconds
    while monotonicSeconds() < end { usleep(10_000) }
  }

  func willCompute(step: Int, rank: Int, weights: FloatArena, table: ParameterTable) throws {
    if isDue(.throw, step: step, rank: rank) {
      throw RuntimeFailure("step \(step): injected failure on rank \(rank)")
    }
    if isDue(.stop, step: step, rank: rank) { raise(SIGSTOP) }
    if isDue(.kill, step: step, rank: rank) { raise(SIGKILL) }
    if kind == .slow, self.rank == rank, step >= self.step { usleep(milliseconds * 1000) }
    if isDue(.spin, step: step, rank: rank) { while true {} }
    if isDue(.late, step: step, rank: rank) { Self.waitLate() }
    if isDue(.nanWeight, step: step, rank: rank) {
      weights.base[table.entries[table.blocks[0].expand].offset] = .nan
    }
  }

  func didCompute(
    step: Int, rank: Int, losses: inout [Double], nodes: [UnsafeMutablePointer<Float>], table: ParameterTable
  ) {
    if isDue(.nanLoss, step: step, rank: rank), !losses.isEmpty { losses[0] = .nan }
    if isDue(.nanGradient, step: step, rank: rank) {
      nodes[0][table.entries[table.blocks[0].expand].offset] = .nan
    }
  }

  func willReduce(step: Int, rank: Int) {
    if isDue(.killInExchange, step: step, rank: rank) { raise(SIGKILL) }
  }

  func didUpdate(step: Int, rank: Int, weights: FloatArena) {
    if isDue(.diverge, step: step, rank: rank) { weights.base[0] += 1 }
  }

  func willValidate(step: Int, rank: Int) {
    if isDue(.killInValidation, step: step, rank: rank) { raise(SIGKILL) }
    if isDue(.lateInValidation, step: step, rank: rank) { Self.waitLate() }
  }

  func willCompare(step: Int, rank: Int) {
    guard isDue(.spinInComparison, step: step, rank: rank) else { return }
    // The step has no line in the log yet: the test is told that the others begin to wait.
    StandardStream.error.line("fault: rank \(rank) spins in the comparison of step \(step)")
    while true {}
  }

  func saving(_ phase: FileReplacement.Phase, step: Int) {
    let kind: Kind =
      switch phase {
      case .written: .killWritten
      case .verified: .killVerified
      case .renamed: .killRenamed
      }
    if isDue(kind, step: step, rank: 0) { raise(SIGKILL) }
    if self.kind == .slowDisk, step >= self.step { Self.waitLate(seconds: Double(milliseconds) / 1000) }
  }

  func writingMetrics() {
    if kind == .slowMetrics { Self.waitLate(seconds: Double(milliseconds) / 1000) }
  }
}
