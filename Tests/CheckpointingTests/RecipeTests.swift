// The bytes of a checkpoint against the recipe that JLD2 needs, and its keys against the contract.

import CheckpointSupport
import GPTModel
import Testing
import TrainingState

@testable import Checkpointing

@Suite struct RecipeTests {
  /// Small ones live in their headers, some of these are contiguous.
  private static func walked() throws -> (TrainingSnapshot, ByteWalker) {
    let snapshot = try Samples.snapshot(embeddingSize: 32)
    return try Samples.withFolder { folder in
      try CheckpointFile.write(snapshot, to: "\(folder)/model.jld2")
      return (snapshot, try ByteWalker(Samples.bytes("\(folder)/model.jld2")))
    }
  }

  @Test func checksumIsJenkinsLookup3() {
    // From the comments of lookup3.c: hashlittle("", 0) and hashlittle("Four score and seven years ago", 0).
    #expect(lookup3([]) == 0xDEAD_BEEF)
    #expect(lookup3(Array("Four score and seven years ago".utf8)) == 0x1777_0551)
  }

  @Test func envelopeIsJLD2s() throws {
    let (_, walker) = try Self.walked()
    let text = "HDF5-based Julia Data Format, version 0.1.1\0 (MicroGPT for Swift, 64-bit LE)\0"
    #expect(walker.bytes.starts(with: text.utf8))
    #expect(walker.bytes[text.utf8.count..<256].allSatisfy { $0 == 0 })
    #expect(walker.bytes[256...].starts(with: "xxh64=".utf8))
    #expect(walker.bytes[262..<278].allSatisfy { Character(Unicode.Scalar($0)).isHexDigit })
    #expect(walker.bytes[278..<288].allSatisfy { $0 == 0 })
    #expect(walker.bytes[288...].starts(with: "run=".utf8))
    #expect(walker.bytes[292..<308].allSatisfy { Character(Unicode.Scalar($0)).isHexDigit })
    #expect(walker.bytes[308..<512].allSatisfy { $0 == 0 })
  }

  /// The walker throws on everything else that the recipe forbids.
  @Test func everyDatasetHasItsTypeShapeAndBytes() throws {
    let (snapshot, walker) = try Self.walked()
    var seen = 0
    for (path, value) in CheckpointSchema.values(of: snapshot) {
      let dataset = try #require(walker.datasets[path], "\(path)")
      seen += 1
      switch value {
      case .integer(let value): expect(dataset, path, "i64", [], [value])
      case .integers(let values): expect(dataset, path, "i64", [values.count], values)
      case .unsignedIntegers(let values): expect(dataset, path, "u64", [values.count], values)
      case .real(let value): expect(dataset, path, "f64", [], [value])
      case .floats(let values): expect(dataset, path, "f32", [values.count], values)
      case .string(let text):
        #expect(dataset.type == "str" && dataset.dimensions == [], "\(path)")
        #expect(try walker.texts(dataset) == [text], "\(path)")
      case .strings(let texts):
        #expect(dataset.type == "str" && dataset.dimensions == [texts.count], "\(path)")
        #expect(try walker.texts(dataset) == texts, "\(path)")
      }
    }
    for tensor in CheckpointSchema.tensors(of: snapshot, ParameterTable(snapshot.configuration)) {
      let dataset = try #require(walker.datasets[tensor.path], "\(tensor.path)")
      seen += 1
      expect(
        dataset, tensor.path, "f32", [tensor.rows, tensor.columns],
        Array(UnsafeBufferPointer(start: tensor.base, count: tensor.count)))
    }
    #expect(seen == walker.datasets.count)
    for (path, dataset) in walker.datasets {
      #expect(dataset.isCompact == (dataset.content.count < 8192), "layout of \(path)")
    }
    #expect(walker.datasets.values.contains { !$0.isCompact })
  }

  private func expect<Element>(
    _ dataset: ByteWalker.Dataset, _ path: String, _ type: String, _ dimensions: [Int], _ elements: [Element]
  ) {
    #expect(dataset.type == type && dataset.dimensions == dimensions, "\(path)")
    #expect(elements.withUnsafeBytes { $0.elementsEqual(dataset.content) }, "bytes of \(path)")
  }

  /// Spelled out, so that renaming a property cannot rename a key.
  @Test func keysAreTheContract() throws {
    let weights = [
      "wte", "wpe", "lm_head", "blocks/1/attn_wq", "blocks/1/attn_wk", "blocks/1/attn_wv",
      "blocks/1/attn_wo", "blocks/1/mlp_fc1", "blocks/1/mlp_fc2",
    ]
    var keys: Set<String> = [
      "format", "format_version", "config/vocab_size", "config/n_embd", "config/n_layer",
      "config/block_size", "config/n_head", "tokenizer/itos", "tokenizer/codepoints",
      "tokenizer/vocab_size", "tokenizer/bos_id", "optimizer/name", "optimizer/step", "optimizer/beta1",
      "optimizer/beta2", "optimizer/epsilon", "optimizer/weight_decay", "optimizer/gradient_clip",
      "schedule/kind", "schedule/peak_learning_rate", "schedule/warmup_steps", "schedule/total_steps",
      "data/workflow", "data/dataset", "data/sha256", "data/chunk_count", "data/global_batch",
      "data/microbatch", "data/epoch", "data/step_in_epoch", "data/validation_fraction",
      "data/is_shuffled", "rng/algorithm", "rng/seed", "rng/state", "progress/step",
      "progress/total_steps", "progress/last_loss", "progress/best_validation_loss",
      "progress/wall_seconds", "progress/weights_hash", "progress/loss_history",
    ]
    for root in ["model_state", "optimizer/m", "optimizer/v"] {
      keys.formUnion(weights.map { "\(root)/\($0)/weight" })
    }
    let first = try ByteWalker(Samples.bytes("\(Samples.fixtures)/format-1.jld2"))
    #expect(Set(first.datasets.keys) == keys)
    #expect(first.datasets["format_version"]?.content == [1, 0, 0, 0, 0, 0, 0, 0])

    keys.formUnion([
      "features", "kernels/family", "config/init_std", "config/init_from", "progress/is_compared",
    ])
    let walker = try ByteWalker(Samples.bytes("\(Samples.fixtures)/format-2.jld2"))
    #expect(Set(walker.datasets.keys) == keys)
    let features = try #require(walker.datasets["features"])
    #expect(try walker.texts(features) == ["config/init_std", "kernels/family"])
    let format = try #require(walker.datasets["format"])
    #expect(try walker.texts(format) == ["microgpt-swift-checkpoint"])
    #expect(walker.datasets["format_version"]?.content == [2, 0, 0, 0, 0, 0, 0, 0])
    let itos = try #require(walker.datasets["tokenizer/itos"])
    #expect(try walker.texts(itos) == ["a", "b", "c", "<BOS>"])
    // One-based, as Julia counts.
    #expect(walker.datasets["tokenizer/bos_id"]?.content == [4, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func emptyValuesAreLeftOut() throws {
    var snapshot = try Samples.snapshot()
    snapshot.training?.initialCheckpoint = ""
    snapshot.training?.progress.lossHistory = []
    snapshot.training?.corpus.dataset = ""
    let image = try CheckpointImage.make(snapshot)
    let walker = try ByteWalker(image.withBytes { Array($0) })
    for path in ["config/init_from", "progress/loss_history", "data/dataset"] {
      #expect(walker.datasets[path] == nil, "\(path)")
    }
  }

  /// JLD2 fails on group headers in many pieces: the walker allows none.
  @Test func manyBlocksStayInOneHeader() throws {
    let snapshot = try Samples.snapshot(embeddingSize: 2, layerCount: 300, isResumable: false)
    let walker = try ByteWalker(CheckpointImage.make(snapshot).withBytes { Array($0) })
    #expect(walker.groups.filter { $0.hasSuffix("/mlp_fc2") }.count == 300)
  }
}
