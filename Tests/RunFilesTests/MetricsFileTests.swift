// The metrics file: exact numbers, and a resumed file that has every step once.

import Foundation
import TestSupport
import Testing

@testable import RunFiles
@testable import Training

@Suite struct MetricsFileTests {
  private func metrics(_ step: Int, _ loss: Double) -> StepMetrics {
    StepMetrics(step: step, epoch: 1, loss: loss, learningRate: 0.1 + 0.2, seconds: 1.5, tokens: 7)
  }

  private func validation(_ step: Int, _ loss: Double) -> ValidationMetrics {
    ValidationMetrics(step: step, epoch: 1, loss: loss, isBest: false)
  }

  @Test func numbersReadBackAsTheSameBits() throws {
    let directory = try TemporaryFolder()
    let path = directory.path + "/new/folder/m.jsonl"
    let losses = [1.0 / 3, 1e-300, 1e22, .nan]
    do {
      let file = try MetricsFile(path: path, resumedStep: nil)
      for (index, loss) in losses.enumerated() { file.append(metrics(index + 1, loss)) }
      file.append(validation(4, 0.1))
    }
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    #expect(
      lines[0]
        == #"{"step":1,"epoch":1,"loss":0.3333333333333333,"lr":0.30000000000000004,"seconds":1.5,"tokens":7}"#
    )
    #expect(lines[1].contains(#""loss":1e-300,"#) && lines[2].contains(#""loss":1e+22,"#))
    #expect(lines[3].contains(#""loss":null,"#) && lines[4] == #"{"step":4,"val_loss":0.1}"#)
  }

  @Test func aResumedFileKeepsWholeLinesUpToItsStep() throws {
    let directory = try TemporaryFolder()
    let text = """
      {"step":1,"loss":3}
      {"step":2,"loss":2}
      {"step":2,"val_loss":2.5}
      not of ours
      {"step":3,"loss":1}
      {"step":2,"lo
      """
    let path = try directory.file(text.utf8, named: "m.jsonl")
    do {
      let file = try MetricsFile(path: path, resumedStep: 2)
      file.append(validation(3, 1))
    }
    let kept = text.split(separator: "\n").prefix(3).joined(separator: "\n")
    let found = try String(contentsOfFile: path, encoding: .utf8)
    #expect(found == kept + "\n{\"step\":3,\"val_loss\":1.0}\n")
    #expect(directory.names == ["m.jsonl"])
  }
}
