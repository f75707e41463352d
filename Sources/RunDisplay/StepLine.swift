// One line about one step: MicroGPT.jl's, with what else there is room for. Pure.

import Platform
import TerminalDisplay

struct StepLine {
  var position: String
  var learningRate: String
  var loss: String
  var gradientNorm: String?
  var tokensPerSecond: Double?
  var secondsLeft: Double?

  /// At most 79 columns: numbers are rounded first, then speed, norm and time are left out, in this order.
  var text: String {
    let exact = tokensPerSecond.map { "\(Readable.grouped(Int($0))) tok/s" }
    let rounded = tokensPerSecond.map { "\(RunStatus.rounded($0)) tok/s" }
    let left = secondsLeft.map { "ETA \(Readable.duration(seconds: $0))" }
    let coarse = secondsLeft.map { "ETA \(Readable.duration(seconds: $0).split(separator: " ")[0])" }
    let base = [position, learningRate, loss]
    let candidates: [[String?]] = [
      [gradientNorm, exact, left], [gradientNorm, exact, shortened(coarse)],
      [gradientNorm, rounded, shortened(coarse)], [gradientNorm, shortened(coarse)], [shortened(coarse)],
    ]
    let lines = candidates.map { (base + $0.compactMap { $0 }).joined(separator: " | ") }
    return lines.first { columnWidth($0) <= logColumns } ?? base.joined(separator: " | ")
  }

  /// Without the smaller unit of two.
  private func shortened(_ coarse: String?) -> String? {
    guard let seconds = secondsLeft, seconds < 60 else { return coarse }
    return seconds < 0.9995 ? "ETA <1s" : "ETA \(Readable.duration(seconds: seconds))"
  }
}
