// scripts/export.py: the folder holds our weights to the bit, and its PyTorch module computes our logits.

import CheckpointSupport
import Foundation
import GPTModel
import Kernels
import ProcessSupport
import TestSupport
import Testing
import TrainingState

@testable import Checkpointing

@Suite struct ExportTests {
  private static let script = "\(PythonScriptTests.folder)/export.py"
  private static let python = PythonReaderTests.python(with: "h5py, numpy")
  private static let files = [
    "README.md", "config.json", "microgpt.py", "model.safetensors", "tokenizer.json",
  ]

  /// The header of a safetensors file by the format's own description, and where its values begin.
  private struct Tensors {
    let entries: [String: [String: Any]]
    let values: Data

    init(_ file: Data) throws {
      let length = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
      try #require(length % 8 == 0 && 8 + length <= file.count)
      let header = try JSONSerialization.jsonObject(with: file[8..<(8 + length)]) as? [String: Any]
      entries = try #require(header).compactMapValues { $0 as? [String: Any] }
      values = Data(file[(8 + length)...])
    }

    func floats(_ name: String) throws -> (shape: [Int], values: [Float]) {
      let entry = try #require(entries[name], "\(name)")
      let offsets = try #require(entry["data_offsets"] as? [Int])
      #expect(entry["dtype"] as? String == "F32")
      let bytes = values[offsets[0]..<offsets[1]]
      return (
        try #require(entry["shape"] as? [Int]), bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      )
    }
  }

  private static func export(_ path: String, in place: TemporaryFolder, _ more: [String] = []) throws
    -> Job.Outcome?
  {
    guard let python else {
      print("skipped: no Python with h5py and numpy")
      return nil
    }
    return try Job(command: [python, script, path] + more, folder: place.path).outcome()
  }

  @Test func weightsAreOursToTheBit() throws {
    let place = try TemporaryFolder()
    let snapshot = try Samples.snapshot()
    try CheckpointFile.write(snapshot, to: "\(place.path)/model.jld2")
    guard let outcome = try Self.export("model.jld2", in: place) else { return }
    #expect(outcome.status == 0 && outcome.errors == "", "\(outcome)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/export/model").sorted() == Self.files
    )
    let tensors = try Tensors(place.data("export/model/model.safetensors"))
    let table = ParameterTable(snapshot.configuration)
    #expect(tensors.entries.count == table.entries.count + 1)
    for entry in table.entries {
      // blocks/1/attn_wq is blocks.0.attn_wq there.
      let parts = entry.path.split(separator: "/")
      let name = parts.map { Int($0).map { "\($0 - 1)" } ?? String($0) }.joined(separator: ".")
      let isLinear = name != "wte" && name != "wpe"
      let (shape, values) = try tensors.floats("\(name).weight")
      #expect(shape == (isLinear ? [entry.columns, entry.rows] : [entry.rows, entry.columns]), "\(name)")
      for row in 0..<entry.rows {
        for column in 0..<entry.columns {
          let ours = snapshot.weights.base[entry.range.lowerBound + row * entry.columns + column]
          let theirs = values[isLinear ? column * entry.rows + row : row * entry.columns + column]
          try #require(ours.bitPattern == theirs.bitPattern, "\(name) [\(row)][\(column)]")
        }
      }
    }
  }

  @Test func theCardAndTheAlphabetAreOfTheCheckpoint() throws {
    let place = try TemporaryFolder()
    var snapshot = try Samples.snapshot(step: 150)
    snapshot.training?.corpus.dataset = "`odd`\u{1B}[31m name"
    try CheckpointFile.write(snapshot, to: "\(place.path)/model.jld2")
    guard let outcome = try Self.export("model.jld2", in: place, ["--out", "there"]) else { return }
    #expect(outcome.status == 0, "\(outcome)")
    let card = try place.text("there/README.md")
    #expect(card.contains("| steps | 150 of 2,040 |") && card.contains("2.2500"), "\(card)")
    #expect(card.contains("`’odd’\u{FFFD}[31m name`") && !card.contains("\u{1B}"), "\(card)")
    struct Tokenizer: Decodable {
      struct Model: Decodable { let vocab: [String: Int] }
      let model: Model
    }
    let tokenizer = try JSONDecoder().decode(Tokenizer.self, from: place.data("there/tokenizer.json"))
    let id = try #require(snapshot.tokenizer.id(of: "😀"))
    #expect(tokenizer.model.vocab["😀"] == Int(id))
    #expect(tokenizer.model.vocab["<|bos|>"] == snapshot.tokenizer.bosID)
    #expect(tokenizer.model.vocab.count == snapshot.tokenizer.vocabularySize)
  }

  @Test func whatIsThereIsReplacedOnlyOnRequest() throws {
    let place = try TemporaryFolder()
    try CheckpointFile.write(try Samples.snapshot(), to: "\(place.path)/model.jld2")
    guard let first = try Self.export("model.jld2", in: place, ["--out", "out"]) else { return }
    #expect(first.status == 0, "\(first)")
    let refused = try Self.export("model.jld2", in: place, ["--out", "out"])
    #expect(refused?.status == 2 && refused?.errors.contains("give --replace") == true, "\(refused as Any)")
    #expect(try Self.export("model.jld2", in: place, ["--out", "out", "--replace"])?.status == 0)
    // Not a folder of ours any more: somebody keeps a file in it.
    try place.write(Array("mine".utf8), to: "out/notes.txt")
    let foreign = try Self.export("model.jld2", in: place, ["--out", "out", "--replace"])
    #expect(foreign?.status == 2 && foreign?.errors.contains("no export") == true, "\(foreign as Any)")
    #expect(try place.text("out/notes.txt") == "mine")
    for (path, says) in [("none.jld2", "No such file"), ("out/config.json", "not a checkpoint")] {
      let bad = try Self.export(path, in: place, ["--out", "other"])
      #expect(bad?.status == 2 && bad?.errors.contains(says) == true, "\(bad as Any)")
      #expect(bad?.errors.split(separator: "\n").count == 1, "\(bad as Any)")
    }
    #expect(place.names == ["model.jld2", "out"])
  }

  @Test func pyTorchComputesOurLogits() throws {
    guard let python = PythonReaderTests.python(with: "h5py, numpy, torch, safetensors") else {
      print("skipped: no Python with h5py, numpy, torch and safetensors")
      return
    }
    let place = try TemporaryFolder()
    try CheckpointFile.write(try KnownLogits().snapshot, to: "\(place.path)/model.jld2")
    let exported = try Job(command: [python, Self.script, "model.jld2"], folder: place.path).outcome()
    try #require(exported.status == 0, "\(exported)")
    let program = """
      import json, torch
      from microgpt import MicroGPT
      model = MicroGPT.from_pretrained(".")
      ids = model.encode("ab Ä\\nba")
      print(json.dumps(model(torch.tensor([ids]))[0].tolist()))
      assert len(model.generate(ids, 20)) == len(ids) + 20
      """
    let outcome = try Job(
      command: [python, "-c", program], folder: "\(place.path)/export/model",
      environment: ["PYTHONDONTWRITEBYTECODE": "1"]
    ).outcome()
    try #require(outcome.status == 0, "\(outcome)")
    try KnownLogits().expect(
      try JSONDecoder().decode([[Double]].self, from: Data(outcome.output.utf8)), in: "PyTorch")
  }
}
