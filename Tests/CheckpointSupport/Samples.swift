// Snapshots, folders and the helper program that the tests of this target share.

import Checkpointing
import Foundation
import GPTModel
import Kernels
import Platform
import Testing
import TrainingState

public enum Samples {
  /// A model with every parameter different, its moments and a training state without a default value.
  public static func snapshot(
    characters: String = "\n abÄ😀", embeddingSize: Int = 8, layerCount: Int = 2, blockSize: Int = 6,
    headCount: Int = 2, step: Int = 200, isResumable: Bool = true
  ) throws -> TrainingSnapshot {
    let tokenizer = CharacterTokenizer(scalars: characters.unicodeScalars)
    let configuration = try GPTConfiguration(
      vocabularySize: tokenizer.vocabularySize, embeddingSize: embeddingSize, layerCount: layerCount,
      blockSize: blockSize, headCount: headCount)
    let table = ParameterTable(configuration)
    func arena(_ scale: Float) -> FloatArena {
      let arena = FloatArena(count: table.arenaCount)
      var number = 0
      for entry in table.entries {
        for index in entry.range {
          number += 1
          arena.base[index] = scale * Float(number % 8191 - 4095)
        }
      }
      return arena
    }
    var snapshot = TrainingSnapshot(
      configuration: configuration, tokenizer: tokenizer, weights: arena(0x1p-12))
    guard isResumable else { return snapshot }
    var training = TrainingConfiguration()
    training.model = configuration
    training.beta1 = 0.875
    training.weightDecay = 0.125
    training.gradientClip = 1.5
    training.schedule = LearningRateSchedule(
      kind: .linear, peak: 0.0078125, warmupSteps: 20, totalSteps: 2040)
    training.workflow = .documents
    training.globalBatchSize = 32
    training.microbatchSize = 2
    training.validationFraction = 0.1
    training.isShuffled = false
    training.seed = -42
    training.initialDeviation = 0.02
    var state = TrainingState(configuration: training, moments: [arena(0x1p-20), arena(0x1p-30)])
    state.kernelFamily = "simd-fma"
    state.initialCheckpoint = "earlier.jld2"
    state.corpus = CorpusIdentity(
      dataset: "fixture", sha256: String(repeating: "5a", count: 32), sequenceCount: 4357)
    state.progress.step = step
    state.progress.epoch = min(2, step)
    state.progress.stepInEpoch = min(64, step)
    state.progress.lastLoss = 2.25
    state.progress.wallSeconds = 12.5
    state.progress.weightsHash = table.weightsHash(of: snapshot.weights)
    state.progress.isCompared = false
    state.progress.lossHistory = (0..<step).map { 6 - Float($0) / 64 }
    snapshot.training = state
    return snapshot
  }

  /// The Shakespeare default: 836,096 parameters.
  public static func defaultSize() throws -> TrainingSnapshot {
    let characters = String(String.UnicodeScalarView((32..<97).map { Unicode.Scalar(UInt8($0)) }))
    return try snapshot(
      characters: characters, embeddingSize: 128, layerCount: 4, blockSize: 256, headCount: 4)
  }

  /// Calls `body` with a new folder and removes it.
  public static func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }

  public static func bytes(_ path: String) throws -> [UInt8] {
    try Array(Data(contentsOf: URL(fileURLWithPath: path)))
  }

  public static func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  public static let fixtures =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures").path

  /// The built `gpt-sample`, which reads checkpoints for the tests as it does for itself; nil before it is
  /// built.
  public static let reader: ContainedReader? = {
    let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    var folders = [bundle.deletingLastPathComponent()]
    for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
      folders.append(URL(fileURLWithPath: argument).deletingLastPathComponent())
    }
    let paths = folders.map { $0.appendingPathComponent("gpt-sample").path }
    return paths.first { FileManager.default.isExecutableFile(atPath: $0) }
      .map { ContainedReader(executable: $0) }
  }()
}

/// All that two snapshots must share to be one state, bits of floats included.
public func expectEqual(
  _ a: TrainingSnapshot, _ b: TrainingSnapshot, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(a.configuration == b.configuration, sourceLocation: sourceLocation)
  #expect(a.tokenizer == b.tokenizer, sourceLocation: sourceLocation)
  let table = ParameterTable(a.configuration)
  let tensors = zip(
    CheckpointSchema.tensors(of: a, table), CheckpointSchema.tensors(of: b, table))
  #expect((a.training == nil) == (b.training == nil), sourceLocation: sourceLocation)
  for (left, right) in tensors {
    #expect(
      left.path == right.path && left.bytes.elementsEqual(right.bytes), "\(left.path) differs",
      sourceLocation: sourceLocation)
  }
  for (left, right) in zip(CheckpointSchema.values(of: a), CheckpointSchema.values(of: b)) {
    #expect(
      SnapshotStream.encode([left]) == SnapshotStream.encode([right]), "\(left) is not \(right)",
      sourceLocation: sourceLocation)
  }
}
