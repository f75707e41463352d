// One rank's loop against the Double twin of the model, and the order in which it reports. Many ranks are
// ProgramsTests' business.

import DataParallel
import Foundation
import GPTModel
import Kernels
import TestSupport
import CorpusSupport
import TrainingState
import Corpora
import CorpusFiles
import Testing

@testable import Training

/// Everything that a trainer told rank 0, in order.
private final class Diary: TrainingOutputs {
  var entries: [String] = []
  var steps: [StepMetrics] = []
  var validations: [Double] = []
  var saved: TrainingSnapshot?

  func finished(_ metrics: StepMetrics) {
    entries.append("step \(metrics.step)")
    steps.append(metrics)
  }
  func validating(_ progress: ValidationProgress) {}
  func validated(_ validation: ValidationMetrics) {
    entries.append("validated \(validation.step)")
    validations.append(validation.loss)
  }
  func save(_ snapshot: TrainingSnapshot, isBest: Bool, isFinal: Bool) {
    entries.append("\(isFinal ? "last save" : "save") \(snapshot.training?.progress.step ?? -1)")
    saved = snapshot
  }
  func sample(_ model: PreparedModel, step: Int) { entries.append("sample \(step)") }
  var isBehind = false
  func catchUp() {
    entries.append("caught up")
    isBehind = false
  }
  let waitedFor = "the test"
}

@Suite struct TrainerTests {
  /// Documents of one to nine letters, the longest cropped to the block of 6.
  private let corpus: TestCorpus
  private let model: GPTConfiguration

  init() throws {
    let lines = [
      "a", "abcabcabc", "cab", "bc", "acbacb", "ba", "ccc", "abbabb", "c", "bacab", "aab", "cbcbcbcb",
    ]
    corpus = try TestCorpus(lines.joined(separator: "\n"), .documents)
    model = try GPTConfiguration(
      vocabularySize: 4, embeddingSize: 12, layerCount: 2, blockSize: 6, headCount: 3)
  }

  private func trainer(
    _ weights: FloatArena, validation: Double = 0,
    configure: (inout TrainingConfiguration, inout RunSettings) -> Void
  ) throws -> Trainer {
    var configuration = TrainingConfiguration()
    configuration.model = model
    configuration.workflow = .documents
    configuration.globalBatchSize = 5
    configuration.microbatchSize = 2
    configuration.schedule = .linear(peak: 0.01, totalSteps: 7)
    configuration.beta2 = 0.99
    configuration.seed = 1
    configuration.isShuffled = false
    configuration.validationFraction = validation
    var settings = RunSettings()
    configure(&configuration, &settings)
    let split = try CorpusSplit(
      file: corpus.file, scan: corpus.scan, tokenizer: corpus.scan.tokenizer, blockSize: model.blockSize,
      validationFraction: validation,
      order: DocumentOrder(count: corpus.scan.documentCount, seed: 1, isShuffled: false))
    return try Trainer(
      configuration: configuration, settings: settings,
      corpus: TrainingCorpus(
        dataset: "test", sha256: corpus.scan.sha256, tokenizer: corpus.scan.tokenizer, split: split),
      weights: weights, communicator: .single())
  }

  private func sequences(_ source: any SequenceSource, _ range: Range<Int>) throws -> [[Int32]] {
    try range.map { try source.tokens(of: $0) }
  }

  private func norm(_ tensors: [Matrix]) -> Double {
    tensors.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1 * $1 } }.squareRoot()
  }

  @Test(arguments: [1, 3]) func lossAndGradientOfUnevenDocumentsAreThoseOfTheTwin(threads: Int) throws {
    var random = TestRandom(11)
    let twin = TwinModel(model, random: &random)
    let trainer = try trainer(twin.arena) { configuration, settings in
      configuration.gradientClip = 1e9
      settings.lastStep = 1
      settings.threads = threads
    }
    let diary = Diary()
    #expect(try trainer.run(diary).wasStopped == false)
    let batch = try sequences(trainer.corpus.split.training, 0..<5)
    let targets = batch.reduce(0) { $0 + $1.count - 1 }
    #expect(Set(batch.map(\.count)).count > 2 && diary.steps[0].tokens == targets)
    let (loss, gradient) = twin.lossAndGradient(batch, gradientScale: 1 / Double(targets))
    #expect(abs(diary.steps[0].loss - loss / Double(targets)) < 1e-5)
    let expectedNorm = norm(gradient)
    let foundNorm = try #require(diary.steps[0].gradientNorm)
    #expect(abs(foundNorm / expectedNorm - 1) < 1e-4)
    // The gradient waits for its weight, T · G / targets, until the update.
    let weight = Double(5 * 6) / Double(targets)
    for (entry, expected) in zip(trainer.model.table.entries, gradient) {
      let found = TwinModel.matrix(entry, trainer.pipeline.gradient.base).values.map { $0 * weight }
      expectClose(found, expected, tolerance: 1e-4, scale: expectedNorm / 10, "gradient of \(entry.path)")
    }
  }

  @Test func clippingShortensTheGradientThatAdamSees() throws {
    var random = TestRandom(11)
    let twin = TwinModel(model, random: &random)
    func firstMoment(clip: Double) throws -> Double {
      let trainer = try trainer(twin.arena) { configuration, settings in
        configuration.gradientClip = clip
        settings.lastStep = 1
      }
      _ = try trainer.run(nil)
      return norm(trainer.model.table.entries.map { TwinModel.matrix($0, trainer.live.moments[0].base) })
        / 0.1
    }
    let free = try firstMoment(clip: 0)
    let loose = try firstMoment(clip: free * 2)
    #expect(free > 0.2 && abs(loose / free - 1) < 1e-5)
    let tight = try firstMoment(clip: 0.125)
    #expect(abs(tight - 0.125) < 1e-5)
  }

  @Test func validationIsTheMeanOverItsTargets() throws {
    var random = TestRandom(12)
    let twin = TwinModel(model, random: &random)
    let trainer = try trainer(twin.arena, validation: 0.4) { _, settings in settings.threads = 2 }
    #expect(trainer.facts.heldOutCount == 5 && trainer.facts.validatedCount == 5)
    let held = try sequences(#require(trainer.corpus.split.validation), 0..<5)
    let expected = twin.loss(held) / Double(held.reduce(0) { $0 + $1.count - 1 })
    let diary = Diary()
    _ = try trainer.run(diary)
    // 7 documents, 5 a step: an epoch ends in steps 2, 3, 5, 6 and 7 or with the run.
    let validated = diary.entries.filter { $0.hasPrefix("validated") }
    #expect(validated == [2, 3, 5, 6, 7].map { "validated \($0)" })
    #expect(
      diary.validations[4] < expected && trainer.live.progress.bestValidationLoss == diary.validations.min())
    let untrained = try self.trainer(twin.arena, validation: 0.4) { configuration, _ in
      configuration.schedule = .linear(peak: 1e-30, totalSteps: 1)
    }
    _ = try untrained.run(diary)
    let mean = try #require(diary.validations.last)
    #expect(abs(mean - expected) < 1e-5)
  }

  /// The documents 0 and 2 of 5 held out, every 3 steps and at the end, which is step 7.
  @Test(arguments: [1, 2, 3]) func aSampleIsValidatedAtIntervals(threads: Int) throws {
    var random = TestRandom(12)
    let twin = TwinModel(model, random: &random)
    let trainer = try trainer(twin.arena, validation: 0.4) { configuration, settings in
      configuration.globalBatchSize = 2
      configuration.validationBatches = 1
      configuration.validationInterval = 3
      configuration.schedule = .linear(peak: 1e-30, totalSteps: 7)
      settings.threads = threads
    }
    #expect(trainer.facts.heldOutCount == 5 && trainer.facts.validatedCount == 2)
    let source = try #require(trainer.corpus.split.validation)
    let held = try [0, 2].map { try source.tokens(of: $0) }
    let expected = twin.loss(held) / Double(held.reduce(0) { $0 + $1.count - 1 })
    let diary = Diary()
    _ = try trainer.run(diary)
    #expect(diary.entries.filter { $0.hasPrefix("validated") } == [3, 6, 7].map { "validated \($0)" })
    #expect(diary.validations.allSatisfy { abs($0 - expected) < 1e-5 })
  }

  /// Weights that hardly move: the first validation is the best, and no later one is better than it.
  @Test(arguments: [(0, 7), (1, 2), (2, 3), (6, 7), (100, 7)])
  func patienceEndsTheTraining(patience: Int, last: Int) throws {
    var random = TestRandom(12)
    let twin = TwinModel(model, random: &random)
    let trainer = try trainer(twin.arena, validation: 0.4) { configuration, settings in
      configuration.globalBatchSize = 2
      configuration.validationInterval = 1
      configuration.patience = patience
      configuration.schedule = .linear(peak: 1e-30, totalSteps: 7)
    }
    let diary = Diary()
    let result = try trainer.run(diary)
    #expect(result.steps == last && !result.wasStopped && result.endedEarly == (last < 7))
    #expect(
      trainer.live.progress.validationsSinceBest == last - 1 && trainer.live.progress.validatedStep == last)
    // The last state is saved, and the best one was when it was found.
    let saves = diary.entries.filter { $0.contains("save ") }
    #expect(saves.last == "last save \(last)", "\(saves)")
    #expect(saves.count == (patience > 0 ? 2 : 1), "\(saves)")
  }

  /// A resumed training may repeat its last validation, which counts once.
  @Test func aRepeatedValidationCountsOnce() {
    var progress = TrainingProgress()
    func record(_ loss: Double, at step: Int) -> Bool {
      progress.step = step
      return progress.record(validationLoss: loss)
    }
    #expect(record(2, at: 1) && !record(2, at: 1))
    #expect(progress.validationsSinceBest == 0)
    #expect(!record(3, at: 2) && !record(3, at: 2))
    #expect(progress.validationsSinceBest == 1)
    #expect(!record(2, at: 3))
    #expect(progress.validationsSinceBest == 2 && progress.bestValidationLoss == 2)
    #expect(record(1, at: 4) && progress.validationsSinceBest == 0)
    #expect(!record(.nan, at: 5) && progress.bestValidationLoss == 1 && progress.validationsSinceBest == 1)
  }

  /// A line after two seconds, then every ten; none for what is over sooner. Rounds grow until threads are busy.
  @Test func longValidationsSayHowFarTheyAre() {
    var pace = ValidationPace(threads: 2, begin: 100)
    #expect(pace.round == 2)
    #expect(pace.finished(2, of: 40, at: 100.1) != nil && pace.round == 4)
    #expect(pace.finished(6, of: 40, at: 101.9) != nil && pace.round == 4)
    let left = pace.finished(10, of: 40, at: 102.5)
    #expect(left == 2.5 / 10 * 30)
    #expect(pace.finished(40, of: 40, at: 200) == nil)
    for _ in 0..<5 { _ = pace.finished(40, of: 100, at: 200) }
    #expect(pace.round == 16)
  }

  @Test func intervalsCountStepsAndTheEndIsSavedOnce() throws {
    let weights = ParameterTable(model).initialWeights(seed: 1, standardDeviation: 0.1)
    let diary = Diary()
    let trainer = try trainer(weights) { _, settings in
      settings.checkpointInterval = 3
      settings.sampleInterval = 2
      settings.lastStep = 6
      settings.hashInterval = 4
    }
    #expect(try trainer.run(diary).wasStopped == false)
    #expect(
      diary.entries == [
        "step 1", "step 2", "sample 2", "step 3", "save 3", "step 4", "sample 4", "step 5", "step 6",
        "last save 6",
      ])
    #expect(diary.steps.filter { $0.weightsHash != nil }.map(\.step) == [4, 6])
    let rates: [Double] = (0..<6).map { 0.01 * (1 - Double($0) / 7) }
    #expect(diary.steps.map(\.learningRate) == rates)
    #expect(try trainer.run(diary).wasStopped == false)
    #expect(diary.entries.count == 10)
  }

  /// Outputs that are behind hold up the training until they are not, between two steps.
  @Test func trainingPausesForOutputsThatAreBehind() throws {
    let weights = ParameterTable(model).initialWeights(seed: 1, standardDeviation: 0.1)
    let diary = Diary()
    diary.isBehind = true
    let trainer = try trainer(weights) { _, settings in settings.lastStep = 3 }
    #expect(try trainer.run(diary).wasStopped == false)
    #expect(diary.entries == ["step 1", "caught up", "step 2", "step 3", "last save 3"])
  }

  @Test(arguments: [("adam", 0.01), ("sgd", 0.3)])
  func trainingLearns(optimizer: String, peak: Double) throws {
    let weights = ParameterTable(model).initialWeights(seed: 1, standardDeviation: 0.1)
    let diary = Diary()
    let trainer = try trainer(weights) { configuration, _ in
      configuration.optimizer = optimizer
      configuration.schedule = .linear(peak: peak, totalSteps: 150)
    }
    _ = try trainer.run(diary)
    let losses = diary.steps.map(\.loss)
    // Four tokens of equal chances at first; these documents can nearly be learnt by heart.
    let last = losses.suffix(5).reduce(0, +) / 5
    #expect(abs(losses[0] - log(4)) < 0.1 && last < 0.75, "\(losses[0]) … \(last)")
  }

  @Test func aSnapshotSaysWhatWasTrainedAndSharesNoFutureStep() throws {
    let weights = ParameterTable(model).initialWeights(seed: 1, standardDeviation: 0.1)
    let diary = Diary()
    let trainer = try trainer(weights) { configuration, settings in
      configuration.optimizer = "sgd"
      settings.lastStep = 3
      settings.runIdentifier = "a run"
    }
    _ = try trainer.run(diary)
    let state = try #require(diary.saved?.training)
    #expect(state.configuration == trainer.configuration && state.moments.count == 1)
    #expect(state.kernelFamily == MatrixBackend.automatic.kernelFamily && state.progress.run == "a run")
    #expect(state.progress.step == 3 && state.progress.isCompared && state.progress.lossHistory.count == 3)
    // Documents: 5 a step of 12, so step 3 begins with document 10.
    #expect(state.progress.epoch == 1 && state.progress.stepInEpoch == 3)
    var memory = SnapshotCopy()
    let copy = trainer.live.copy(into: &memory)
    let hash = trainer.model.table.weightsHash(of: copy.weights)
    trainer.live.change { _ in trainer.live.weights.base[0] += 1 }
    #expect(trainer.model.table.weightsHash(of: copy.weights) == hash)
    #expect(trainer.model.table.weightsHash(of: trainer.live.weights) != hash)
  }
}
