// Files with the right structure and the right digest whose values no training has written. Each is refused in one
// line, or is a state that can be resumed, saved and loaded. MICROGPT_FUZZ_CASES says how many reach the programs.

import CheckpointSupport
import Foundation
import GPTModel
import Platform
import ProcessSupport
import Reproducibility
import TestSupport
import Testing
import TrainingState

@testable import Checkpointing

@Suite(.serialized) struct ValueFuzzTests {
  typealias Values = [(path: String, value: StateValue)]

  private static let integers = [
    0, 1, -1, 2, 7, 1000, .min, .max, 1 << 31, 1 << 32, 1 << 62, TrainingConfiguration.mostSteps,
    TrainingConfiguration.mostSteps + 1,
  ]
  private static let reals = [
    0, -0.0, 1, -1, 2, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
    -.greatestFiniteMagnitude, 1 - 0x1p-53, 1e-300,
  ]
  private static let texts = [
    "x", "\u{1B}[31m", "\u{1B}]52;c;eA==\u{7}", "two\nlines\r", "\u{9B}2J\u{7F}", "\u{202E}esrever\u{2066}",
    String(repeating: "long ", count: 2000), "../../etc/passwd", "<BOS>",
  ]

  /// Values of the same kind, then of others.
  private static func nasty(_ kind: StateValue.Kind) -> [StateValue] {
    let own: [StateValue] =
      switch kind {
      case .integer: integers.map { .integer($0) }
      case .real: reals.map { .real($0) }
      case .string: texts.map { .string($0) }
      case .integers:
        [
          [-1], [0, -1], [97, 97, -1], [98, 97, -1], [55_296, -1], [1_114_112, -1], [.max, .min], [97, 98],
        ]
        .map { .integers($0) }
      case .unsignedIntegers: [[.max], [.max, .max, .max], [0, 1]].map { .unsignedIntegers($0) }
      case .floats:
        [
          [.nan], [.infinity, 1], [Float](repeating: 1, count: 70_000), [-0.0],
          [.greatestFiniteMagnitude, -.leastNonzeroMagnitude],
        ].map { .floats($0) }
      case .strings:
        [
          ["a"], ["<BOS>"], ["aa", "<BOS>"], ["b", "a", "<BOS>"], ["<NUL>", "<BOS>"], texts,
          ["\u{1B}", "<BOS>"],
        ]
        .map { .strings($0) }
      }
    return own + [.integer(3), .real(0.5), .string("text"), .floats([1, 2])].filter { $0.kind != kind }
  }

  /// Every field with every nasty value, and without any.
  private static func mutants(of values: Values) -> [Values] {
    var mutants: [Values] = []
    for (index, (path, value)) in values.enumerated() {
      for other in nasty(value.kind) {
        var mutant = values
        mutant[index] = (path, other)
        // Copies follow, so that what is behind them is reached.
        for (original, copy) in [
          ("progress/step", "optimizer/step"), ("schedule/total_steps", "progress/total_steps"),
        ]
        where path == original {
          mutant = mutant.map { $0.path == copy ? (copy, other) : $0 }
        }
        mutants.append(mutant)
      }
      mutants.append(values.enumerated().filter { $0.offset != index }.map(\.element))
    }
    return mutants
  }

  /// Two at once, at random.
  private static func pairs(of values: Values, count: Int) -> [Values] {
    (0..<count).map { number in
      var random = Philox(seed: 29, purpose: .sampling, step: number)
      var mutant = values
      for _ in 0..<2 {
        let index = random.next(below: values.count)
        let choices = nasty(values[index].value.kind)
        mutant[index].value = choices[random.next(below: choices.count)]
      }
      return mutant
    }
  }

  private static func file(_ values: Values, _ snapshot: TrainingSnapshot) throws -> [UInt8] {
    let tensors = CheckpointSchema.tensors(of: snapshot, ParameterTable(snapshot.configuration))
    return try CheckpointImage(values, tensors).withBytes { DamageTests.sealed(Array($0)) }
  }

  @Test func everyValueIsRefusedOrCanBeSavedAgain() throws {
    let snapshot = try Samples.snapshot()
    let values = CheckpointSchema.values(of: snapshot)
    let mutants = Self.mutants(of: values) + Self.pairs(of: values, count: min(10_000, FuzzTests.cases))
    var loaded = 0
    for (index, mutant) in mutants.enumerated() {
      do {
        // As the parent checks what its child has read; now and then the child's part as well.
        let model = try CheckpointSchema.model(from: SnapshotStream.decode(SnapshotStream.encode(mutant)))
        loaded += 1
        try model.training?.validate()
        guard index % 16 == 0, model.configuration == snapshot.configuration else { continue }
        let read = try Self.file(mutant, snapshot).withUnsafeBytes { try CheckpointReader.snapshot(in: $0) }
        expectEqual(try TrainingSnapshot(serialized: read.serialized()), read)
        let image = try CheckpointImage.make(read)
        try CheckpointReader.checkStructure(in: image.file, size: image.count)
      } catch let refusal as InvalidInput {
        #expect(refusal.message.utf8.count < 2000)
      }
    }
    print("values: \(mutants.count) files, \(loaded) loaded")
    #expect(loaded > 20 && loaded < mutants.count)
  }

  /// The programs end in good order, and say nothing that a terminal would obey.
  @Test func programsRefuseOrGoOn() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    let folder = try TemporaryFolder()
    let text = try folder.file(
      Array(String(repeating: "the rain falls on old stones\n", count: 40).utf8), named: "t.txt")
    let options = [
      "--data", text, "--n-embd", "8", "--n-layer", "1", "--n-head", "2", "--block-size", "8", "--batch-size",
      "4",
      "--num-epochs", "1", "--threads", "1", "--checkpoint", "\(folder.path)/m.jld2", "--num-samples", "0",
    ]
    let first = try Job("gpt-ddp", options + ["--max-steps", "3"]).outcome()
    try #require(first.status == 0, "\(first)")
    let good = try CheckpointFile.read("\(folder.path)/m.jld2", using: reader)
    let mutants = Self.mutants(of: CheckpointSchema.values(of: good))
    let count = min(mutants.count, FuzzTests.cases / 20)
    var random = Philox(seed: 30, purpose: .sampling)
    let order = random.permutation(mutants.count)
    var resumed = 0
    for index in order[..<count] {
      let path = "\(folder.path)/mutant.jld2"
      try Samples.write(Self.file(mutants[index], good), to: path)
      let resume = [
        "--resume", "--data", text, "--checkpoint", path, "--max-steps", "4", "--num-samples", "1",
      ]
      for (program, arguments) in [
        ("gpt-sample", ["--inspect", path]), ("gpt-sample", ["--verify", path]),
        ("gpt-sample", ["--diff", path, "\(folder.path)/m.jld2"]), ("gpt-ddp", resume),
      ] {
        let outcome = try Job(program, arguments).outcome()
        let allowed = arguments[0] == "--diff" ? [0, 1, 2] : [0, 2]
        #expect(allowed.contains(Int(outcome.status)), "\(mutants[index]): \(outcome)")
        let shown = outcome.output + outcome.errors
        #expect(visible(shown, keeping: ["\n"]) == shown, "\(mutants[index]): \(outcome)")
        if outcome.status == 2 {
          #expect(
            (outcome.output + outcome.errors).split(separator: "\n").filter { $0.hasPrefix("error:") }.count
              == 1)
        }
        if program == "gpt-ddp", outcome.status == 0 { resumed += 1 }
      }
    }
    print("values: \(count) files resumed by the program, \(resumed) with success")
  }

  /// A text that the model makes of its alphabet is shown by a terminal, not obeyed; a pipe gets it as it is.
  @Test func samplesAreShownOnATerminal() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/model.jld2"
    try CheckpointFile.write(Samples.snapshot(characters: "\u{1B}"), to: path)
    let arguments = ["--checkpoint", path, "--num-samples", "2", "--max-chars", "9", "--prompt", "\u{1B}"]
    var (controller, window): (Int32, Int32) = (-1, -1)
    var name = [CChar](repeating: 0, count: 128)
    try #require(openpty(&controller, &window, &name, nil, nil) == 0)
    let screen = FileDescriptor(owning: controller)
    defer { close(window) }
    let terminal = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let job = try Job("gpt-sample", arguments, outputPath: terminal)
    try #require(job.end() == 0)
    let shown = String(
      decoding: try screen.readSome(upTo: 4096, until: monotonicSeconds() + 20), as: UTF8.self)
    #expect(shown.contains("\\u{1B}") && !shown.contains("\u{1B}"), "\(shown)")
    let piped = try Job("gpt-sample", arguments).outcome()
    #expect(piped.output.contains("\u{1B}") && !piped.output.contains("\\u{1B}"), "\(piped)")
  }
}
