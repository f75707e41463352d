// Files that must be refused, each with a line that says what is wrong.

import CheckpointSupport
import Platform
import Foundation
import GPTModel
import Kernels
import Reproducibility
import Testing
import TrainingState

@testable import Checkpointing

@Suite struct DamageTests {
  private static let reader = Samples.reader

  /// What reading these bytes is refused with.
  private func refusal(of bytes: [UInt8]) throws -> String {
    let reader = try #require(Self.reader, "gpt-sample is not built")
    return try Samples.withFolder { folder in
      let path = "\(folder)/model.jld2"
      try Samples.write(bytes, to: path)
      let error = #expect(throws: InvalidInput.self) { try CheckpointFile.read(path, using: reader) }
      let message = error?.message ?? ""
      #expect(message.hasPrefix("checkpoint \(path): ") && !message.contains("\n"), "\(message)")
      return message
    }
  }

  private static func good() throws -> [UInt8] { try Samples.bytes("\(Samples.fixtures)/format-1.jld2") }

  /// The bytes of a file with these values and tensors, its digest right.
  private static func file(
    _ change: (inout [(path: String, value: StateValue)], inout [CheckpointTensor]) -> Void
  ) throws -> [UInt8] {
    let snapshot = try Samples.snapshot()
    var values = CheckpointSchema.values(of: snapshot)
    var tensors = CheckpointSchema.tensors(of: snapshot, ParameterTable(snapshot.configuration))
    change(&values, &tensors)
    let image = try CheckpointImage(values, tensors)
    return withExtendedLifetime(snapshot) { sealed(image.withBytes { Array($0) }) }
  }

  /// The file with a new envelope, as a forger would make it.
  static func sealed(_ bytes: [UInt8]) -> [UInt8] {
    let digest = bytes.withUnsafeBytes { XXHash64.hash(UnsafeRawBufferPointer(rebasing: $0[512...])) }
    return Envelope.bytes(digest: digest) + bytes[512...]
  }

  @Test func everyFlippedBitIsFound() throws {
    let reader = try #require(Self.reader, "gpt-sample is not built")
    let good = try Self.good()
    let edges = [0, 37, 42, 43, 255, 256, 261, 262, 277, 278, 511, 512, 513, 559, good.count - 1]
    try Samples.withFolder { folder in
      let path = "\(folder)/model.jld2"
      for offset in edges + Array(stride(from: 5, to: good.count, by: 97)) {
        var bytes = good
        bytes[offset] ^= 1 << (offset % 8)
        try Samples.write(bytes, to: path)
        #expect(throws: InvalidInput.self, "bit at \(offset)") {
          try CheckpointFile.read(path, using: reader)
        }
      }
    }
  }

  @Test func everyCutIsFound() throws {
    let good = try Self.good()
    for length in [1, 8, 255, 256, 511, 512, 519, 520, 521, 560, 2048, good.count / 2, good.count - 1] {
      let message = try refusal(of: Array(good[..<length]))
      #expect(message.contains("damaged") || message.contains("too short"), "\(length): \(message)")
    }
    #expect(try refusal(of: good + [0]).contains("damaged"))
  }

  @Test func whatIsNoCheckpointIsRefusedByName() throws {
    let reader = try #require(Self.reader, "gpt-sample is not built")
    #expect(try refusal(of: []).contains("it is empty"))
    #expect(try refusal(of: Array("no checkpoint at all".utf8)).contains("too short"))
    #expect(try refusal(of: Array(repeating: 0x41, count: 5000)).contains("not an HDF5 file"))
    try Samples.withFolder { folder in
      for (path, cause) in [
        ("\(folder)/missing.jld2", "there is no such file"), (folder, "it is a folder"),
        ("/dev/null", "not a regular file"),
      ] {
        let error = #expect(throws: InvalidInput.self) { try CheckpointFile.read(path, using: reader) }
        #expect(error?.message.contains(cause) == true, "\(path)")
      }
    }
    let foreign = try Self.file { values, tensors in
      values = [("answer", .integer(42))]
      tensors = []
    }
    #expect(try refusal(of: foreign).contains("not a GPT checkpoint"))
  }

  @Test func contentThatContradictsItselfIsRefused() throws {
    func set(_ path: String, _ value: StateValue?) throws -> String {
      try refusal(
        of: Self.file { values, _ in
          values.removeAll { $0.path == path }
          if let value { values.append((path, value)) }
        })
    }
    let cases: [(String, StateValue?, String)] = [
      ("format", .string("another"), "does not say"),
      (
        "features", .strings(["data/dropout", "rng/seed", "config/tying"]),
        "it needs data/dropout, config/tying"
      ),
      (
        "optimizer/name", .string("muon"),
        "optimizer/name is \"muon\", which this program does not know (it knows adam"
      ),
      ("schedule/kind", .string("step"), "schedule/kind is \"step\", which this program does not know"),
      ("format_version", .integer(0), "never existed"),
      ("format_version", .string("1"), "not made of whole numbers"),
      ("config/n_embd", .integer(16), "ask for"),
      ("config/n_embd", nil, "/config/n_embd is missing"),
      ("config/n_head", .integer(3), "does not divide"),
      ("config/n_layer", .integer(1 << 40), "n_layer is"),
      ("config/n_layer", .integer(3), "blocks/3"),
      ("config/n_embd", .integer(4096), "bytes of weights"),
      ("config/vocab_size", .integer(8), "entries"),
      ("tokenizer/itos", .strings(["b", "a", "<BOS>"]), "contradict"),
      ("tokenizer/codepoints", .integers([97, 55296, -1]), "contradict"),
      ("tokenizer/bos_id", .integer(0), "bos_id is 0"),
      ("optimizer/beta1", .real(.nan), "beta1"),
      ("optimizer/beta2", .real(1), "beta2"),
      ("optimizer/step", .integer(-1), "optimizer/step is -1, but /progress/step is 200"),
      ("progress/step", .integer(199), "progress/step is 199"),
      ("progress/step", nil, "/progress/step is missing"),
      ("data/epoch", .integer(0), "epoch"),
      ("data/is_shuffled", .integer(2), "is_shuffled"),
      ("schedule/warmup_steps", .real(0.5), "not made of whole numbers"),
      ("schedule/warmup_steps", .integer(2041), "warmup_steps is more"),
      ("schedule/restarts", .integers([30, 30]), "restarts are out of order"),
      ("schedule/restarts", .integers([2040]), "restarts are out of order"),
      ("schedule/restarts", .integers([19]), "warmup_steps is more"),
      ("schedule/restarts", .integers([0]), "/schedule/restarts is"),
      ("schedule/total_steps", .integer(0), "outside 1"),
      ("data/validation_fraction", .real(1), "at least 0 and below 1"),
      ("data/microbatch", .integer(0), "outside 1"),
      ("progress/is_compared", .integer(7), "where 0 or 1 belongs"),
      ("progress/weights_hash", .string("0000000000000000"), "weights_hash"),
    ]
    for (path, value, cause) in cases {
      let message = try set(path, value)
      #expect(message.contains(cause), "\(path): \(message)")
    }
  }

  @Test func badTensorsAreRefusedByName() throws {
    let nan = try Self.file { _, tensors in
      tensors[3].base[5] = .nan
    }
    #expect(try refusal(of: nan).contains("/model_state/blocks/1/attn_wk/weight holds nan at element 5"))
    let missing = try Self.file { _, tensors in tensors.removeLast() }
    #expect(try refusal(of: missing).contains("/optimizer/v/lm_head/weight is missing"))
    let transposed = try Self.file { _, tensors in
      let old = tensors[0]
      tensors[0] = CheckpointTensor(path: old.path, rows: old.columns, columns: old.rows, base: old.base)
    }
    #expect(try refusal(of: transposed).contains("has shape 8×7, but the sizes in /config ask for 7×8"))
  }

  @Test func unknownExtrasAreIgnoredAndTheMinimumIsEnough() throws {
    let reader = try #require(Self.reader, "gpt-sample is not built")
    let minimum = ["format", "format_version", "config/", "tokenizer/itos"]
    let bytes = try Self.file { values, tensors in
      values.removeAll { value in !minimum.contains { value.path.hasPrefix($0) } }
      values += [("notes/author", .string("someone")), ("config/dropout", .real(0.1))]
      tensors.removeAll { !$0.path.hasPrefix("model_state") }
    }
    try Samples.withFolder { folder in
      // Without an envelope, as h5py writes it: no digest to check.
      try Samples.write([UInt8](repeating: 0, count: 512) + bytes[512...], to: "\(folder)/plain.h5")
      let snapshot = try CheckpointFile.read("\(folder)/plain.h5", using: reader)
      expectEqual(snapshot, try Samples.snapshot(isResumable: false))
    }
  }

  /// A file is refused for what it needs, not for its number.
  @Test func aNewerFileWithNothingUnknownLoads() throws {
    let reader = try #require(Self.reader, "gpt-sample is not built")
    let bytes = try Self.file { values, _ in
      values = values.map { $0.path == "format_version" ? ($0.path, .integer(9)) : $0 }
    }
    try Samples.withFolder { folder in
      try Samples.write(bytes, to: "\(folder)/newer.jld2")
      let snapshot = try CheckpointFile.read("\(folder)/newer.jld2", using: reader)
      #expect(snapshot.training?.progress.step == 200)
    }
  }

  /// What is newer than a file has a value for its absence; what is a guess is known to be one, and is not saved as
  /// knowledge.
  @Test func anOlderFileLacksWhatIsNewer() throws {
    let reader = try #require(Self.reader, "gpt-sample is not built")
    let newer = TrainingState.fields.filter { if case .damage = $0.absence { false } else { true } }.map(
      \.path)
    #expect(Set(newer).isSuperset(of: ["config/init_std", "kernels/family", "progress/is_compared"]))
    let bytes = try Self.file { values, _ in values.removeAll { newer.contains($0.path) } }
    try Samples.withFolder { folder in
      try Samples.write(bytes, to: "\(folder)/older.jld2")
      let state = try #require(CheckpointFile.read("\(folder)/older.jld2", using: reader).training)
      #expect(state.guesses == ["config/init_std", "kernels/family"] && state.progress.isCompared)
      #expect(state.configuration.initialDeviation == 0.08 && state.kernelFamily.isEmpty)
    }
  }

  @Test func aStateThatCannotBeReadIsNotSaved() throws {
    let snapshot = try Samples.snapshot()
    try Samples.withFolder { folder in
      let path = "\(folder)/model.jld2"
      try CheckpointFile.write(snapshot, to: path)
      let before = try Samples.bytes(path)
      snapshot.weights.base[0] = .infinity
      let error = #expect(throws: RuntimeFailure.self) { try CheckpointFile.write(snapshot, to: path) }
      #expect(error?.message.contains("model_state/wte/weight holds inf") == true)
      #expect(try Samples.bytes(path) == before)
    }
  }
}
