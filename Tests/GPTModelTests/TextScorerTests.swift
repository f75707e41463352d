// Losses of texts against the Double twin and against a naive full pass for each character; the same bits on any number
// of threads; a training's own loss where windows are its chunks.

import Kernels
import TestSupport
import Testing

@testable import GPTModel

@Suite struct TextScorerTests {
  private let sizes = ModelCase(V: 11, C: 12, L: 2, T: 8, H: 4, lengths: [])

  @Test(arguments: [1, 3, 4, 8]) func eachTargetIsPredictedFromItsWindow(stride: Int) throws {
    let twin = try sizes.twin()
    let model = twin.model(isTraining: false)
    var random = TestRandom(8)
    let texts = [1, 2, 8, 9, 10, 17, 40].map { random.tokens($0, vocabulary: 11) }
    let scorer = TextScorer(model: model, stride: stride, threads: 2)
    let found = scorer.losses(texts)
    var expected: [Double] = []
    for tokens in texts {
      for target in tokens.indices.dropFirst() {
        // The first window of T inputs that has the target, by definition.
        let begin = Swift.stride(from: 0, to: tokens.count, by: stride).first { target <= $0 + 8 } ?? 0
        let inputs = Array(tokens[begin..<target])
        #expect(inputs.count >= min(target, 8 - stride + 1))
        let logits = twin.logits(inputs)
        let last = (inputs.count - 1) * 11
        expected.append(
          Twin.crossEntropy(
            logits: Matrix(1, 11, Array(logits.values[last..<last + 11])), targets: [tokens[target]]
          ).loss)
      }
    }
    #expect(found.values.count == expected.count)
    for (one, other) in zip(found.values, expected) { #expect(abs(one - other) < 1e-4 * max(1, other)) }
  }

  @Test func anyNumberOfThreadsGivesTheSameBits() throws {
    let model = try sizes.twin().model(isTraining: false)
    var random = TestRandom(9)
    let texts = (0..<40).map { _ in random.tokens(1 + random.next(below: 60), vocabulary: 11) }
    let one = TextScorer(model: model, stride: 3, threads: 1).losses(texts)
    for threads in [2, 3, 7, 64] {
      let many = TextScorer(model: model, stride: 3, threads: threads).losses(texts)
      #expect(
        many.values.map(\.bitPattern) == one.values.map(\.bitPattern) && many.windowCount == one.windowCount)
    }
    #expect(TextScorer(model: model, stride: 3, threads: 2).losses([]).values.isEmpty)
  }

  @Test func withWindowsThatDoNotOverlapItIsTheLossOfTheChunks() throws {
    let model = try sizes.twin().model(isTraining: false)
    var random = TestRandom(10)
    let text = random.tokens(5 * 8 + 1, vocabulary: 11)
    let chunks = (0..<5).map { Array(text[$0 * 8...$0 * 8 + 8]) }
    let found = TextScorer(model: model, stride: 8, threads: 1).losses([text]).values
    let workspace = SequenceWorkspace(model.configuration)
    for (chunk, tokens) in chunks.enumerated() {
      // One after the other, as the kernel adds them: the same bits.
      let sum = found[chunk * 8..<chunk * 8 + 8].reduce(0, +)
      #expect(sum == model.leafLoss([tokens], workspace))
    }
  }
}
