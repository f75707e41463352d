// Saving in the background: the state of the moment, one save at a time, failures said and survived.

import CheckpointFamilies
import Checkpointing
import Foundation
import GPTModel
import Kernels
import Platform
import Synchronization
import TestSupport
import Testing
import TrainingState

@testable import RunFiles
@testable import Training

@Suite struct SaverTests {
  private let directory: TemporaryFolder
  private let live: LiveState

  init() throws {
    directory = try TemporaryFolder()
    live = try Self.state(embeddingSize: 16)
  }

  private static func state(embeddingSize: Int) throws -> LiveState {
    let tokenizer = CharacterTokenizer(scalars: Set("abc".unicodeScalars).sorted())
    var configuration = TrainingConfiguration()
    configuration.model = try GPTConfiguration(
      vocabularySize: tokenizer.vocabularySize, embeddingSize: embeddingSize, layerCount: 4, blockSize: 64,
      headCount: 4)
    configuration.schedule = .linear(peak: 0.1, totalSteps: 9)
    let table = ParameterTable(configuration.model)
    let moments = (0..<2).map { _ in FloatArena(count: table.arenaCount) }
    var training = TrainingState(configuration: configuration, moments: moments)
    training.corpus.sequenceCount = configuration.globalBatchSize
    return LiveState(
      TrainingSnapshot(
        configuration: configuration.model, tokenizer: tokenizer,
        weights: table.initialWeights(seed: 1, standardDeviation: 0.1), training: training), moments: moments)
  }

  private var path: String { "\(directory.path)/model.jld2" }

  private func saver(_ live: LiveState, path: String, probe: (any TrainingProbe)? = nil) throws -> Saver {
    try Saver(
      CheckpointRotation(path: path, keep: 1), lock: OutputLock(checkpoint: path), metrics: nil, live: live,
      probe: probe)
  }

  /// The helper process that reads checkpoints for the tests.
  private static let reader = ContainedReader(
    executable: URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("gpt-sample").path)

  @Test func savesTheStateOfTheMoment() throws {
    let saver = try saver(live, path: path)
    for step in 1...3 {
      live.change { $0.step = step }
      let expected = live.weights.base[0]
      saver.save(live.snapshot, isBest: false, isFinal: step == 3)
      // Training goes on at once.
      live.weights.base[0] += 1
      if step == 3 {
        let saved = try CheckpointFile.read(path, using: Self.reader)
        #expect(saved.weights.base[0] == expected && saved.training?.progress.step == 3)
      }
    }
    #expect(!saver.finalSaveFailed)
    saver.end()
    #expect(directory.names == ["model.jld2"])
  }

  /// A folder in the place of the checkpoint: the save fails, the next one does not.
  @Test func failuresDoNotStopTheSaver() throws {
    let saver = try saver(live, path: path)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    saver.save(live.snapshot, isBest: false, isFinal: true)
    #expect(saver.finalSaveFailed)
    try FileManager.default.removeItem(atPath: path)
    saver.save(live.snapshot, isBest: false, isFinal: true)
    #expect(!saver.finalSaveFailed)
    saver.end()
    #expect(directory.names == ["model.jld2"])
  }

  /// 10 MB must be copied in a fraction of a step; the best of several, on a busy machine.
  @Test func submittingIsQuick() throws {
    let live = try Self.state(embeddingSize: 128)
    let saver = try saver(live, path: path)
    var best = Duration.seconds(1)
    for step in 1...8 {
      live.change { $0.step = step }
      let snapshot = live.snapshot
      best = min(best, ContinuousClock().measure { saver.save(snapshot, isBest: false, isFinal: false) })
      // Waits for the one before.
      saver.save(snapshot, isBest: false, isFinal: true)
    }
    saver.end()
    #expect(best < .milliseconds(10))
  }

  /// Before a checkpoint has its name, the lines up to its step are in the metrics.
  @Test func metricsComeFirst() throws {
    let metrics = try MetricsFile(path: "\(directory.path)/m.jsonl", resuming: nil)
    let probe = Order(metrics: "\(directory.path)/m.jsonl")
    let saver = try Saver(
      CheckpointRotation(path: path, keep: 1), lock: OutputLock(checkpoint: path), metrics: metrics,
      live: live,
      probe: probe)
    for step in 1...3 {
      live.change { $0.step = step }
      metrics.append(StepMetrics(step: step, epoch: 1, loss: 1, learningRate: 1, seconds: 1, tokens: 1))
      saver.save(live.snapshot, isBest: false, isFinal: true)
    }
    saver.end()
    metrics.end()
    #expect(probe.lines == [1, 2, 3])
  }

  /// Whoever writes holds no lock that a step needs.
  @Test func aStepGoesOnWhileADiskIsSlow() throws {
    let probe = SlowDisk()
    let saver = try saver(live, path: path, probe: probe)
    saver.save(live.snapshot, isBest: false, isFinal: false)
    while !probe.isWriting { usleep(1_000) }
    live.change { $0.step = 5 }
    var memory = SnapshotCopy()
    #expect(live.copy(into: &memory).training?.progress.step == 5)
    #expect(probe.isWriting)
    probe.finish()
    saver.end()
  }
}

/// How many lines there are when a checkpoint is about to get its name.
private final class Order: TrainingProbe {
  private let metrics: String
  private let counts = Mutex<[Int]>([])
  init(metrics: String) { self.metrics = metrics }
  var lines: [Int] { counts.withLock { $0 } }

  func saving(_ phase: FileReplacement.Phase, step: Int) {
    guard phase == .verified else { return }
    counts.withLock { $0.append((smallFile(metrics) ?? "").split(separator: "\n").count) }
  }
}

/// Looks at nothing but saves.
extension TrainingProbe {
  func willCompute(step: Int, rank: Int, weights: FloatArena, table: ParameterTable) {}
  func didCompute(
    step: Int, rank: Int, losses: inout [Double], nodes: [UnsafeMutablePointer<Float>], table: ParameterTable
  ) {}
  func willReduce(step: Int, rank: Int) {}
  func didUpdate(step: Int, rank: Int, weights: FloatArena) {}
  func willValidate(step: Int, rank: Int) {}
  func willCompare(step: Int, rank: Int) {}
  func writingMetrics() {}
}

/// A disk that takes as long as the test wants.
private final class SlowDisk: TrainingProbe {
  private let state = Mutex((isWriting: false, isDone: false))
  var isWriting: Bool { state.withLock { $0.isWriting } }
  func finish() { state.withLock { $0.isDone = true } }

  func saving(_ phase: FileReplacement.Phase, step: Int) {
    guard phase == .written else { return }
    state.withLock { $0.isWriting = true }
    while !state.withLock({ $0.isDone }) { usleep(1_000) }
    state.withLock { $0.isWriting = false }
  }
}
