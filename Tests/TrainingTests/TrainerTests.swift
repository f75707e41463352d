// One rank's loop against the Double twin of the model, and the order in which it reports. Many ranks are
// ProgramsTests' business.

import DataParallel
import Foundation
import GPTModel
import Kernels
import TestSupport
import Testing

@testable import Training

/// Everything that a trainer told rank 0, in order.
private final class Diary: TrainingOutputs {
  var entries: [String] = []
  var steps: [StepMetrics] = []
  var validations: [Double] = []

  func finished(_ metrics: StepMetrics, _ trainer: Trainer) {
    entries.append("step \(metrics.step)")
    steps.append(metrics)
  }
  func validated(_ loss: Double, _ trainer: Trainer) {
    entries.append("validated \(trainer.step)")
    validations.append(loss)
  }
  func save(_ trainer: Trainer, isFinal: Bool) {
    entries.append("\(isFinal ? "last save" : "save") \(trainer.step)")
  }
  func sample(_ trainer: Trainer) { entries.append("sample \(trainer.step)") }
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
    var configuration = TrainingConfiguration(
      model: model, workflow: .documents, globalBatchSize: 5, microbatchSize: 2,
      schedule: .linear(peak: 0.01, totalSteps: 7), beta1: 0.9, beta2: 0.99, seed: 1)
    configuration.isShuffled = false
    configuration.validationFraction = validation
    var settings = RunSettings()
    configure(&configuration, &settings)
    let split = try CorpusSplit(
      file: corpus.file, scan: corpus.scan, tokenizer: corpus.scan.tokenizer, blockSize: model.blockSize,
      validationFraction: validation, seed: 1, isShuffled: false)
    return try Trainer(
      configuration: configuration, settings: settings, tokenizer: corpus.scan.tokenizer, split: split,
      corpus: CorpusIdentity(dataset: "test", sha256: corpus.scan.sha256), weights: weights,
      communicator: .single())
  }

  private func sequences(_ source: any SequenceSource, _ range: Range<Int>) throws -> [[Int32]] {
    try range.map { index in
      var tokens: [Int32] = []
      try source.tokens(of: index, into: &tokens)
      return tokens
    }
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
    #expect(try trainer.run(diary) == false)
    let batch = try sequences(trainer.split.training, 0..<5)
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
      let found = TwinModel.matrix(entry, trainer.gradient.base).values.map { $0 * weight }
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
      return norm(trainer.model.table.entries.map { TwinModel.matrix($0, trainer.optimizer.m.base) }) / 0.1
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
    #expect(trainer.validationCount == 5)
    let held = try sequences(#require(trainer.split.validation), 0..<5)
    let expected = twin.loss(held) / Double(held.reduce(0) { $0 + $1.count - 1 })
    let diary = Diary()
    _ = try trainer.run(diary)
    // 7 documents, 5 a step: an epoch ends in steps 2, 3, 5, 6 and 7 or with the run.
    let validated = diary.entries.filter { $0.hasPrefix("validated") }
    #expect(validated == [2, 3, 5, 6, 7].map { "validated \($0)" })
    #expect(diary.validations[4] < expected && trainer.bestValidationLoss == diary.validations.min())
    let untrained = try self.trainer(twin.arena, validation: 0.4) { configuration, _ in
      configuration.schedule = .linear(peak: 1e-30, totalSteps: 1)
    }
    _ = try untrained.run(diary)
    let mean = try #require(diary.validations.last)
    #expect(abs(mean - expected) < 1e-5)
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
    #expect(try trainer.run(diary) == false)
    #expect(
      diary.entries == [
        "step 1", "step 2", "sample 2", "step 3", "save 3", "step 4", "sample 4", "step 5", "step 6",
        "last save 6",
      ])
    #expect(diary.steps.filter { $0.weightsHash != nil }.map(\.step) == [4, 6])
    let rates: [Double] = (0..<6).map { 0.01 * (1 - Double($0) / 7) }
    #expect(diary.steps.map(\.learningRate) == rates)
    #expect(try trainer.run(diary) == false)
    #expect(diary.entries.count == 10)
  }

  @Test func trainingLearns() throws {
    let weights = ParameterTable(model).initialWeights(seed: 1, standardDeviation: 0.1)
    let diary = Diary()
    let trainer = try trainer(weights) { configuration, _ in
      configuration.schedule = .linear(peak: 0.01, totalSteps: 150)
    }
    _ = try trainer.run(diary)
    let losses = diary.steps.map(\.loss)
    // Four tokens of equal chances at first; these documents can nearly be learnt by heart.
    let last = losses.suffix(5).reduce(0, +) / 5
    #expect(abs(losses[0] - log(4)) < 0.1 && last < 0.75, "\(losses[0]) … \(last)")
  }
}

@Suite struct MetricsFileTests {
  private func metrics(_ step: Int, _ loss: Double) -> StepMetrics {
    StepMetrics(step: step, epoch: 1, loss: loss, learningRate: 0.1 + 0.2, seconds: 1.5, tokens: 7)
  }

  @Test func numbersReadBackAsTheSameBits() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/new/folder/m.jsonl"
    let losses = [1.0 / 3, 1e-300, 1e22, .nan]
    do {
      let file = try MetricsFile(path: path, resumedStep: nil)
      for (index, loss) in losses.enumerated() { file.append(metrics(index + 1, loss)) }
      file.append(validationLoss: 0.1, step: 4)
    }
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    #expect(
      lines[0]
        == #"{"step":1,"epoch":1,"loss":0.3333333333333333,"lr":0.30000000000000004,"seconds":1.5,"tokens":7}"#
    )
    #expect(lines[1].contains(#""loss":1e-300,"#) && lines[2].contains(#""loss":1e+22,"#))
    #expect(lines[3].contains(#""loss":null,"#) && lines[4] == #"{"step":4,"val_loss":0.1}"#)
  }

  @Test func aResumedFileKeepsWholeLinesUpToItsStep() throws {
    let directory = try TemporaryDirectory()
    let text = """
      {"step":1,"loss":3}
      {"step":2,"loss":2}
      {"step":2,"val_loss":2.5}
      not of ours
      {"step":3,"loss":1}
      {"step":2,"lo
      """
    let path = try directory.file(text.utf8, named: "m.jsonl")
    do {
      let file = try MetricsFile(path: path, resumedStep: 2)
      file.append(validationLoss: 1, step: 3)
    }
    let kept = text.split(separator: "\n").prefix(3).joined(separator: "\n")
    let found = try String(contentsOfFile: path, encoding: .utf8)
    #expect(found == kept + "\n{\"step\":3,\"val_loss\":1.0}\n")
    #expect(directory.names == ["m.jsonl"])
  }
}
