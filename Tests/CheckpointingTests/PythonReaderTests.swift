// Python opens our files and computes the same model from them: scripts/load_checkpoint.py, numpy in float64 and
// PyTorch where it is installed.

import CheckpointSupport
import Foundation
import GPTModel
import Kernels
import ProcessSupport
import Testing
import TrainingState

@testable import Checkpointing

@Suite struct PythonReaderTests {
  /// A Python that has the modules: Debian's own before any other, then the one that scripts/bench.sh measures.
  static func python(with modules: String) -> String? {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
    let places = [
      "/usr/bin/python3", "/usr/local/bin/python3", "\(cache)/microgpt-bench-venv/bin/python",
      environment["MICROGPT_BENCH_PYTHON"],
    ]
    return places.compactMap(\.self).first { path in
      FileManager.default.isExecutableFile(atPath: path)
        && (try? run(path, ["-c", "import \(modules)"]))?.status == 0
    }
  }

  private static func run(_ program: String, _ arguments: [String]) throws -> Job.Outcome {
    try Job(command: [program] + arguments).outcome()
  }

  private struct Answer: Decodable {
    let ids: [Int]
    let logits: [[Double]]
  }

  @Test(arguments: ["numpy", "torch"])
  func pythonComputesOurLogits(framework: String) throws {
    let modules = framework == "numpy" ? "h5py, numpy" : "h5py, numpy, torch"
    guard let python = Self.python(with: modules) else {
      print("skipped: no Python with \(modules)")
      return
    }
    let known = try KnownLogits()
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../scripts/load_checkpoint.py").standardized.path
    let outcome = try Samples.withFolder { folder in
      let path = "\(folder)/model.jld2"
      try CheckpointFile.write(known.snapshot, to: path)
      return try Self.run(python, [script, path, "--logits", KnownLogits.text, "--with", framework])
    }
    #expect(outcome.status == 0, "\(outcome.errors)")
    let answer = try JSONDecoder().decode(Answer.self, from: Data(outcome.output.utf8))

    #expect(try answer.ids == known.ids.map(Int.init))
    try known.expect(answer.logits, in: framework)
  }
}

/// A small model, and its logits after each character of a text, which others compute, too.
struct KnownLogits {
  static let text = "ab Ä\nba"
  let snapshot: TrainingSnapshot

  init() throws {
    let configuration = try GPTConfiguration(
      vocabularySize: 6, embeddingSize: 24, layerCount: 2, blockSize: 12, headCount: 3)
    snapshot = TrainingSnapshot(
      configuration: configuration, tokenizer: CharacterTokenizer(scalars: "\n abÄ".unicodeScalars),
      weights: ParameterTable(configuration).initialWeights(seed: 7))
  }

  var ids: [Int32] { get throws { try snapshot.tokenizer.encode(Self.text) } }

  func expect(_ theirs: [[Double]], in framework: String) throws {
    let ids = try ids
    let model = PreparedModel(
      configuration: snapshot.configuration, weights: snapshot.weights, isTraining: false)
    model.prepareAll()
    let workspace = SequenceWorkspace(snapshot.configuration)
    ids.withUnsafeBufferPointer { model.forward($0.baseAddress!, rows: ids.count, workspace) }
    let ours = workspace.copyLogits(rows: ids.count)
    let theirs = theirs.flatMap { $0 }
    try #require(ours.count == theirs.count)
    for (index, pair) in zip(ours, theirs).enumerated() {
      #expect(
        abs(Double(pair.0) - pair.1) < 1e-5, "logit \(index): \(pair.0) here, \(pair.1) in \(framework)")
    }
  }
}
