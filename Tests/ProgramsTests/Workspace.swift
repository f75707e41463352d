// The programs as a user starts them: each in a folder of its own, to its end; and the small trainings that
// the tests of this target share.

import TestSupport
import Foundation
import Platform
import ProcessSupport
import Testing

/// All suites that start processes, one test at a time: the machine has few cores.
@Suite(.serialized) struct Programs {}

/// A folder for one test, in which its programs run.
typealias Workspace = TemporaryFolder
typealias ProgramRun = Job.Outcome

extension Workspace {
  /// gpt-ddp, alone or as so many ranks under mpirun.
  ///
  /// - Parameter outputPath: takes standard output instead of the result.
  func train(
    ranks: Int? = nil, _ arguments: [String], environment: [String: String] = [:], outputPath: String? = nil
  ) throws -> ProgramRun {
    try run("gpt-ddp", ranks: ranks, arguments, environment: environment, outputPath: outputPath)
  }

  func sample(_ arguments: [String]) throws -> ProgramRun { try run("gpt-sample", arguments) }

  func run(
    _ program: String, ranks: Int? = nil, _ arguments: [String], environment: [String: String] = [:],
    outputPath: String? = nil
  ) throws -> ProgramRun {
    try Job(
      program, arguments, ranks: ranks, folder: path, environment: environment, outputPath: outputPath
    ).outcome()
  }
}

extension Workspace {
  /// The lines of a metrics file without what no run repeats: the time.
  func metrics(_ name: String = "metrics.jsonl") throws -> [String] {
    try text(name).split(separator: "\n").map {
      String($0.replacing(#/"seconds":[^,]*,/#, with: ""))
    }
  }

  /// Words of a fixed sequence, in lines: the same text everywhere, of `count` characters.
  static func prose(_ count: Int) -> [UInt8] {
    let words = [
      "the", "rain", "falls", "on", "old", "stones", "and", "no", "one", "hears", "Écho", "quiet;",
    ]
    var state: UInt64 = 1
    var text = ""
    while text.unicodeScalars.count < count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      text += words[Int(state >> 33) % words.count] + (state >> 60 == 0 ? ".\n" : " ")
    }
    return Array(String(String.UnicodeScalarView(text.unicodeScalars.prefix(count))).utf8)
  }

  /// Lines of one to fourteen letters.
  static func list(_ count: Int) -> [UInt8] {
    var state: UInt64 = 7
    return (0..<count).flatMap { _ -> [UInt8] in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let length = 1 + Int(state >> 40) % 14
      return (0..<length).map { 97 + UInt8((state >> UInt64(3 * $0)) % 17) } + [10]
    }
  }
}

/// Options of small trainings: a second has hundreds of their steps.
enum Small {
  static let sizes = ["--n-embd", "32", "--n-layer", "2", "--n-head", "4", "--block-size", "32"]
  static let quiet = ["--num-samples", "0", "--sample-interval", "0", "--log-interval", "0"]

  /// Chunks, validation after each epoch of 9 steps, a batch that the micro-batch does not divide.
  static let chunks =
    ["--data", "prose.txt", "--batch-size", "11", "--micro-batch-size", "2", "--num-epochs", "2"] + sizes
    + quiet + ["--hash-interval", "1", "--metrics", "metrics.jsonl"]

  /// Documents of uneven length, some longer than the context.
  static let documents =
    ["--preset", "names", "--data", "list.txt", "--batch-size", "7", "--micro-batch-size", "2"]
    + ["--num-steps", "40", "--val-frac", "0.2", "--n-embd", "32", "--n-layer", "2", "--block-size", "9"]
    + quiet + ["--hash-interval", "1", "--metrics", "metrics.jsonl"]
}

extension Workspace {
  /// With both small corpora.
  static func withCorpora() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.write(prose(3_700), to: "prose.txt")
    try workspace.write(list(150), to: "list.txt")
    return workspace
  }
}
