// The scripts for users say in one line what they cannot do; plot.py reads the metrics that there are.

import CheckpointSupport
import Foundation
import GPTModel
import Platform
import ProcessSupport
import TestSupport
import Testing
import TrainingState

@testable import Checkpointing

@Suite struct PythonScriptTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../scripts").standardized.path
  private static let python = PythonReaderTests.python(with: "json")

  private static func expect(_ outcome: Job.Outcome, says text: String) {
    #expect(outcome.status == 2 && outcome.output == "", "\(outcome)")
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
    #expect(outcome.errors.contains(".py: error: ") && outcome.errors.contains(text), "\(outcome)")
  }

  @Test func aFileThatIsNoCheckpointIsRefused() throws {
    guard let python = PythonReaderTests.python(with: "h5py, numpy") else {
      print("skipped: no Python with h5py and numpy")
      return
    }
    let place = try TemporaryFolder()
    let configuration = try GPTConfiguration(
      vocabularySize: 4, embeddingSize: 8, layerCount: 1, blockSize: 4, headCount: 2)
    let path = "\(place.path)/model.jld2"
    try CheckpointFile.write(
      TrainingSnapshot(
        configuration: configuration, tokenizer: CharacterTokenizer(scalars: "abc".unicodeScalars),
        weights: ParameterTable(configuration).initialWeights(seed: 7)), to: path)
    let good = try place.data("model.jld2")
    try place.write(good.prefix(good.count / 2), to: "cut.jld2")
    try place.write(Array("a text".utf8), to: "text.jld2")
    try place.write([], to: "empty.jld2")
    try #require(mkfifo("\(place.path)/fifo", 0o600) == 0)
    let script = "\(Self.folder)/load_checkpoint.py"
    for (arguments, says) in [
      (["none.jld2"], "No such file"), (["."], "not a regular file"), (["fifo"], "not a regular file"),
      (["cut.jld2"], "damaged"), (["text.jld2"], "not a checkpoint"), (["empty.jld2"], "not a checkpoint"),
      (["model.jld2", "--logits", "xyz"], "does not know"), (["model.jld2", "--logits", "abcab"], "1 to 4"),
      (["model.jld2", "--copy-weights", "./model.jld2"], "the checkpoint itself"),
      (["model.jld2", "--copy-weights", "none/out.h5"], "cannot write none/out.h5"),
    ] {
      Self.expect(
        try Job(command: [python, script] + arguments, folder: place.path).outcome(), says: says)
    }
    #expect(try place.data("model.jld2") == good)
    #expect(place.names == ["cut.jld2", "empty.jld2", "fifo", "model.jld2", "text.jld2"])
  }

  @Test func aMissingModuleIsNamed() throws {
    guard let python = Self.python else {
      print("skipped: no Python")
      return
    }
    let place = try TemporaryFolder()
    try place.write(Array("{\"step\":1,\"loss\":2,\"seconds\":0.5}\n".utf8), to: "run.jsonl")
    for (module, script, argument) in [
      ("h5py", "load_checkpoint.py", "x"), ("matplotlib", "plot.py", "run.jsonl"),
    ] {
      // A module of that name that is not there.
      try place.write(Array("raise ModuleNotFoundError(name=__name__)\n".utf8), to: "\(module).py")
      let outcome = try Job(
        command: [python, "\(Self.folder)/\(script)", argument], folder: place.path,
        environment: ["PYTHONPATH": place.path, "PYTHONDONTWRITEBYTECODE": "1"]
      ).outcome()
      Self.expect(outcome, says: "\(module) is missing: python3 -m pip install")
    }
  }

  /// What plot.py reads of a file: steps and validations of each run, and its complaint.
  private static func read(_ text: String) throws -> Job.Outcome? {
    guard let python = Self.python else {
      print("skipped: no Python")
      return nil
    }
    let place = try TemporaryFolder()
    try place.write(Array(text.utf8), to: "a.jsonl")
    let program = """
      import plot
      for run in plot.read_runs("a.jsonl"):
          print(run.name, [step for step, _, _ in run.steps], [step for step, _ in run.validations])
      """
    return try Job(
      command: [python, "-c", program], folder: place.path,
      environment: ["PYTHONPATH": Self.folder, "PYTHONDONTWRITEBYTECODE": "1"]
    ).outcome()
  }

  private static func step(_ number: Int) -> String {
    "{\"step\":\(number),\"epoch\":1,\"loss\":2.5,\"lr\":0.1,\"seconds\":0.5,\"tokens\":8}"
  }
  private static let validation = "{\"step\":2,\"val_loss\":2.25}"

  @Test(arguments: ["\n", "\r\n", "\r"], ["", "\u{FEFF}"])
  func metricsAreReadAsTheyAre(end: String, mark: String) throws {
    let lines = [Self.step(1), Self.step(2), Self.validation]
    let text = mark + lines.joined(separator: end)
    for (text, says, notes) in [
      (text, "a [1, 2] [2]\n", 0), (text + end, "a [1, 2] [2]\n", 0),
      (text + end + "{\"step\":3,\"ep", "a [1, 2] [2]\n", 1), (Self.validation + end, "a [] [2]\n", 0),
      (text + end + lines.joined(separator: end), "a [1, 2] [2]\na, run 2 [1, 2] [2]\n", 0),
    ] {
      guard let outcome = try Self.read(text) else { return }
      #expect(outcome.status == 0 && outcome.output == says, "\(outcome)")
      #expect(outcome.errors.split(separator: "\n").count == notes, "\(outcome)")
      #expect(notes == 0 || outcome.errors.contains("cut off"), "\(outcome)")
    }
  }

  @Test(arguments: [
    ("", "no step yet"), ("\n\n", "no step yet"), ("a text", "a.jsonl:1"), ("{}\n{}\n", "a.jsonl:1"),
    ("{\"step\":1,\"loss\":null,\"seconds\":1}\n", "a.jsonl:1"),
    (step(1) + "\n{\"step\":2,\n" + step(3), "a.jsonl:2"),
  ]) func whatAreNoMetricsIsRefused(text: String, says: String) throws {
    guard let outcome = try Self.read(text) else { return }
    Self.expect(outcome, says: says)
  }

  @Test func theRunningMeanIsOfWhatIsThere() throws {
    guard let python = Self.python else {
      print("skipped: no Python")
      return
    }
    let outcome = try Job(
      command: [python, "-c", "import plot; print(plot.running_mean([4.0, 2.0, 0.0, 7.0], 3))"],
      environment: ["PYTHONPATH": Self.folder, "PYTHONDONTWRITEBYTECODE": "1"]
    ).outcome()
    #expect(outcome.output == "[4.0, 3.0, 2.0, 3.0]\n", "\(outcome)")
  }
}

@Suite struct ShellScriptTests {
  /// The compiler's own words for it name a module that nobody knows.
  @Test func aCloneThatWasMovedIsBuiltAnew() throws {
    let place = try TemporaryFolder()
    let clone = "\(place.path)/a clone"
    for folder in ["scripts", ".build"] {
      try FileManager.default.createDirectory(
        atPath: "\(clone)/\(folder)", withIntermediateDirectories: true)
    }
    try FileManager.default.copyItem(
      atPath: "\(PythonScriptTests.folder)/common.sh", toPath: "\(clone)/scripts/common.sh")
    let call = "source \"$1/scripts/common.sh\"; forget_moved_build"
    func run(_ path: String) throws -> Job.Outcome {
      try Job(command: ["bash", "-euc", call, "bash", path]).outcome()
    }
    try place.write(Array("- \"\(clone)/.build/debug/main.o\"\n".utf8), to: "a clone/.build/debug.yaml")
    try FileManager.default.createSymbolicLink(
      atPath: "\(place.path)/link", withDestinationPath: clone)
    for path in [clone, "\(place.path)/link"] {
      let untouched = try run(path)
      #expect(untouched.status == 0 && untouched.output == "", "\(untouched)")
    }
    try FileManager.default.moveItem(atPath: clone, toPath: "\(place.path)/moved")
    let moved = try run("\(place.path)/moved")
    #expect(moved.status == 0 && moved.output.contains("was moved"), "\(moved)")
    #expect(access("\(place.path)/moved/.build", F_OK) != 0)
    #expect(access("\(place.path)/moved/scripts", F_OK) == 0)
  }
}
