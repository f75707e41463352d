// The metrics file: exact numbers, and a resumed file that has every step once.

import Foundation
import Platform
import TestSupport
import Testing
import TrainingState

@testable import RunFiles
@testable import Training

@Suite struct MetricsFileTests {
  private func metrics(_ step: Int, _ loss: Double) -> StepMetrics {
    StepMetrics(step: step, epoch: 1, loss: loss, learningRate: 0.1 + 0.2, seconds: 1.5, tokens: 7)
  }

  private func validation(_ step: Int, _ loss: Double) -> ValidationMetrics {
    ValidationMetrics(step: step, epoch: 1, loss: loss, isBest: false)
  }

  private func progress(_ step: Int, history: [Float] = [], hash: String = "") -> TrainingProgress {
    var progress = TrainingProgress()
    (progress.step, progress.lossHistory, progress.weightsHash) = (step, history, hash)
    return progress
  }

  @Test func numbersReadBackAsTheSameBits() throws {
    let directory = try TemporaryFolder()
    let path = directory.path + "/new/folder/m.jsonl"
    let losses = [1.0 / 3, 1e-300, 1e22, .nan]
    do {
      let file = try MetricsFile(path: path, resuming: nil)
      for (index, loss) in losses.enumerated() { file.append(metrics(index + 1, loss)) }
      file.append(validation(4, 0.1))
      file.end()
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
      let file = try MetricsFile(path: path, resuming: progress(2))
      file.append(validation(3, 1))
      file.end()
    }
    let kept = text.split(separator: "\n").prefix(3).joined(separator: "\n")
    let found = try String(contentsOfFile: path, encoding: .utf8)
    #expect(found == kept + "\n{\"step\":3,\"val_loss\":1.0}\n")
    #expect(directory.names == ["m.jsonl"])
  }

  /// Steps 1 to 5 as the trainer writes them, and the history that a checkpoint has of them.
  private static let losses = [1.0 / 3, 2.0 / 3, 1e-30, 0.1 + 0.2, 5.0]

  private func write(_ path: String, _ steps: [Int], hash: String? = nil) throws {
    let file = try MetricsFile(path: path, resuming: nil)
    for step in steps {
      var line = metrics(step, Self.losses[step - 1])
      line.weightsHash = step == 5 ? hash : nil
      file.append(line)
    }
    file.end()
  }

  @Test func missingLinesAreSaid() throws {
    let directory = try TemporaryFolder()
    let path = directory.path + "/m.jsonl"
    let own = progress(5, history: Self.losses.map { Float($0) })
    for (steps, note) in [
      ([1, 2, 3, 4, 5], nil), ([1, 2, 3], "2 steps: 4–5"), ([2, 4], "3 steps: 1, 3, 5"),
      ([], "5 steps: 1–5"), ([1, 2, 3, 5], "1 step: 4"),
    ] {
      try write(path, steps)
      let file = try MetricsFile(path: path, resuming: own)
      file.end()
      #expect(file.notes.count == (note == nil ? 0 : 1))
      if let note { #expect(file.notes[0].hasSuffix("lacks the lines of \(note)"), "\(file.notes)") }
    }
  }

  /// Bits decide, and only those that the checkpoint knows: a shorter history is that of the last steps.
  @Test func anotherRunsFileIsRefused() throws {
    let directory = try TemporaryFolder()
    let path = directory.path + "/m.jsonl"
    let history = Self.losses.map { Float($0) }
    func refusal(_ progress: TrainingProgress) throws -> String? {
      do {
        try MetricsFile(path: path, resuming: progress).end()
        return nil
      } catch let error as InvalidInput {
        return error.message
      }
    }
    try write(path, [1, 2, 3, 4, 5], hash: "aa")
    let before = try directory.data("m.jsonl")
    for good in [history, Array(history.suffix(2)), []] {
      #expect(try refusal(progress(5, history: good, hash: "aa")) == nil)
      #expect(try refusal(progress(5, history: good)) == nil)
    }
    var other = history
    other[1] = other[1].nextUp
    #expect(try refusal(progress(5, history: other))?.contains("another run's: its loss of step 2") == true)
    #expect(try refusal(progress(5, history: Array(other.suffix(3)))) == nil)
    #expect(
      try refusal(progress(5, history: history, hash: "bb"))?.contains("its weights_hash of step 5") == true)
    // Lines beyond the checkpoint are dropped, whatever they say.
    other = Array(history.prefix(4))
    #expect(try directory.data("m.jsonl") == before)
    #expect(try refusal(progress(4, history: other, hash: "bb")) == nil)
    #expect(try directory.text("m.jsonl").split(separator: "\n").count == 4)
  }

  @Test func aFileThatIsBeingWrittenIsRefused() throws {
    let directory = try TemporaryFolder()
    let path = directory.path + "/m.jsonl"
    let first = try MetricsFile(path: path, resuming: nil)
    for progress in [nil, progress(0)] {
      let error = #expect(throws: InvalidInput.self) { try MetricsFile(path: path, resuming: progress) }
      #expect(error?.message.contains("another job writes") == true)
    }
    #expect(throws: InvalidInput.self) { try MetricsFile.refuseHeldFile(at: path) }
    first.end()
    try MetricsFile.refuseHeldFile(at: path)
  }

  @Test func theModeOfAFileIsKept() throws {
    let directory = try TemporaryFolder()
    let path = directory.path + "/m.jsonl"
    try write(path, [1, 2, 3])
    try #require(chmod(path, 0o604) == 0)
    try MetricsFile(path: path, resuming: progress(2)).end()
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o604)
    #expect(try directory.text("m.jsonl").split(separator: "\n").count == 2)
  }

  /// As logrotate renames, and as a user removes: the lines go on under the path.
  @Test(arguments: [true, false]) func aRotatedFileIsFollowed(isRenamed: Bool) throws {
    let directory = try TemporaryFolder()
    let path = directory.path + "/m.jsonl"
    let file = try MetricsFile(path: path, resuming: nil)
    file.append(metrics(1, 1))
    file.flush(upTo: 1)
    if isRenamed {
      try #require(rename(path, path + ".1") == 0)
    } else {
      try #require(unlink(path) == 0)
    }
    file.append(metrics(2, 2))
    file.flush(upTo: 2)
    #expect(try directory.text("m.jsonl").hasPrefix(#"{"step":2,"#))
    // What is no place for metrics takes none.
    try #require(unlink(path) == 0)
    try directory.write("mine".utf8, to: "m.jsonl")
    file.append(metrics(3, 3))
    file.end()
    #expect(try directory.text("m.jsonl") == "mine")
    if isRenamed { #expect(try directory.text("m.jsonl.1").hasPrefix(#"{"step":1,"#)) }
  }
}
