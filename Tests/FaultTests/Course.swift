// A training so small that a step takes a millisecond, what it ends in when nothing happens, and the comparison of a
// hurt one with it.

import TestSupport
import Foundation
import Platform
import ProcessSupport
import Testing

/// A folder with a corpus, and the one training that all fault tests hurt.
final class Course {
  /// gpt-ddp, but for the fault in it.
  static let program = Job.path(of: "faulty-trainer")
  private let place: TemporaryFolder
  static let steps = 42

  /// Final hash and metrics of the uninterrupted training, one rank.
  struct Ending: Equatable, Sendable {
    var hash = ""
    /// Step → loss, as written.
    var losses: [Int: String] = [:]
    var validations: [Int: String] = [:]
  }
  static let undisturbed = Result {
    let course = try Course()
    let job = try course.start(ranks: 1)
    let status = job.end()
    try #require(status == 0, "the undisturbed training fails: \(job.text)")
    return try course.ending(of: job)
  }

  init() throws {
    place = try TemporaryFolder()
    let words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "dog", "run", "far", "away"]
    let text = (0..<60).map { line in
      (0..<9).map { words[(line * line + 7 * $0 * line + $0) % words.count] }.joined(separator: " ")
    }.joined(separator: "\n")
    try text.write(toFile: corpus, atomically: false, encoding: .utf8)
  }

  var folder: String { place.path }
  var corpus: String { "\(folder)/corpus.txt" }
  var checkpoint: String { "\(folder)/out/model.jld2" }
  var metrics: String { "\(folder)/metrics.jsonl" }

  /// The options that make the training what it is, and those that say where it goes.
  func options(_ extra: [String] = []) -> [String] {
    let base = [
      "--data", corpus, "--n-embd", "16", "--n-layer", "1", "--block-size", "16", "--batch-size", "8",
      "--micro-batch-size", "1", "--num-steps", String(Self.steps), "--threads", "1", "--num-samples", "0",
      "--sample-interval", "0", "--log-interval", "1", "--hash-interval", "10", "--checkpoint-interval", "5",
      "--checkpoint", checkpoint, "--metrics", metrics, "--hang-timeout", "30",
    ]
    let pairs = stride(from: 0, to: base.count, by: 2).map { base[$0..<$0 + 2] }
    return pairs.filter { !extra.contains($0.first ?? "") }.flatMap { $0 } + extra
  }

  /// One rank without MPI, or several straight under mpirun.
  ///
  /// - Parameter fault: as `InjectedFault` reads it.
  func start(
    ranks: Int, _ extra: [String] = [], fault: String? = nil, environment: [String: String] = [:]
  ) throws -> Job {
    try Job(
      Self.program, options(extra), ranks: ranks == 1 ? nil : ranks,
      environment: Self.variables(fault: fault).merging(environment) { $1 })
  }

  /// Through the program's own launcher.
  func launch(ranks: Int, _ extra: [String] = [], fault: String? = nil) throws -> Job {
    try Job(
      Self.program, options(["--np", String(ranks)] + extra), environment: Self.variables(fault: fault))
  }

  static func variables(fault: String?) -> [String: String] { fault.map { ["MICROGPT_FAULT": $0] } ?? [:] }

  var hasCheckpoint: Bool { access(checkpoint, F_OK) == 0 }
  var outputs: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/out"))?.sorted() ?? []
  }

  func ending(of job: Job) throws -> Ending {
    var ending = Ending()
    let line = job.lines.last { $0.hasPrefix("Weights hash ") && $0.hasSuffix("after step \(Self.steps)") }
    ending.hash = try #require(
      line?.split(separator: " ").dropFirst(2).first.map(String.init), "no final hash: \(job.text)")
    let text = try String(contentsOfFile: metrics, encoding: .utf8)
    for line in text.split(separator: "\n") {
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "bad line \(line)")
      let step = try #require(object["step"] as? Int)
      if let loss = Self.text(of: "val_loss", in: line) {
        #expect(ending.validations.updateValue(loss, forKey: step) == nil, "validation \(step) twice")
      } else {
        let loss = try #require(Self.text(of: "loss", in: line))
        #expect(ending.losses.updateValue(loss, forKey: step) == nil, "step \(step) twice in the metrics")
      }
    }
    return ending
  }

  /// A number as it is written: Foundation's JSON does not read every double back as the same bits.
  private static func text(of key: String, in line: Substring) -> String? {
    let parts = line.components(separatedBy: "\"\(key)\":")
    return parts.count == 2 ? String(parts[1].prefix { $0 != "," && $0 != "}" }) : nil
  }

  /// Goes on with `ranks` ranks to the end and compares bits and metrics with the undisturbed training.
  ///
  /// - Parameter note: what the resumed training must say.
  /// - Returns: whether all is equal.
  @discardableResult
  func finishes(ranks: Int, saying note: String = "", sourceLocation: SourceLocation = #_sourceLocation)
    throws -> Bool
  {
    // Killed before anything was saved, a training can only begin again.
    let job = try start(ranks: ranks, hasCheckpoint ? ["--resume"] : [])
    let status = job.end()
    #expect(status == ExitStatus.success, "\(job.text)", sourceLocation: sourceLocation)
    guard status == ExitStatus.success else { return false }
    if !note.isEmpty { #expect(job.story.contains(note), "\(job.text)", sourceLocation: sourceLocation) }
    let isEqual = try isUndisturbed(job, sourceLocation: sourceLocation)
    let rubbish = outputs.filter { $0.contains(".tmp.") || $0.hasSuffix(".lock") }
    #expect(rubbish.isEmpty, "left behind: \(rubbish)", sourceLocation: sourceLocation)
    return isEqual
  }

  func isUndisturbed(_ job: Job, sourceLocation: SourceLocation = #_sourceLocation) throws -> Bool {
    let expected = try Self.undisturbed.get()
    let ending = try ending(of: job)
    #expect(ending == expected, "not the undisturbed training: \(job.text)", sourceLocation: sourceLocation)
    return ending == expected
  }
}

extension Job {
  /// Waits for the line of the log about this step or a later one.
  func waitForStep(_ step: Int) throws {
    let isThere = wait(until: { lines.contains { $0.contains("| step") && self.step(of: $0) >= step } })
    try #require(isThere, "step \(step) is not reached: \(text)")
  }

  private func step(of line: String) -> Int {
    line.components(separatedBy: "| step").last.flatMap { $0.split(separator: " ").first }.flatMap { Int($0) }
      ?? 0
  }
}
