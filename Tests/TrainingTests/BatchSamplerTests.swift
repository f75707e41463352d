// The plan of batches: what every step trains on, for ever the same.

import Platform
import GPTModel
import TrainingState
import Corpora
import CorpusFiles
import Testing

@testable import Training

@Suite struct BatchSamplerTests {
  private func plan(
    _ workflow: Workflow, _ count: Int, _ batch: Int, seed: UInt64 = 42, isShuffled: Bool = true
  ) throws -> BatchSampler {
    var configuration = TrainingConfiguration()
    configuration.workflow = workflow
    configuration.globalBatchSize = batch
    configuration.seed = Int(seed)
    configuration.isShuffled = isShuffled
    return try BatchSampler(configuration, sequenceCount: count)
  }

  @Test func everyEpochVisitsEveryFullBatchOnce() throws {
    var plan = try plan(.chunks, 107, 10)
    #expect(plan.stepsPerEpoch == 10)
    #expect(plan.leftoverCount == 7)
    var orders: [[Int]] = []
    for epoch in 0..<5 {
      let batches = (1...10).map { plan.indices(ofStep: epoch * 10 + $0) }
      for batch in batches { #expect(batch == Array(batch[0]..<batch[0] + 10)) }
      #expect(batches.flatMap(\.self).sorted() == Array(0..<100))
      orders.append(batches.map { $0[0] })
    }
    #expect(Set(orders).count == 5)
  }

  @Test(arguments: Workflow.allCases)
  func stepsMayBeAskedInAnyOrder(_ workflow: Workflow) throws {
    var forward = try plan(workflow, 40, 3)
    let expected = (1...60).map { forward.indices(ofStep: $0) }
    var backward = try plan(workflow, 40, 3)
    for step in (1...60).reversed() { #expect(backward.indices(ofStep: step) == expected[step - 1]) }
  }

  /// Pinned: a change here breaks the resumption of every checkpoint.
  @Test func theOrderIsFrozen() throws {
    var plan = try plan(.chunks, 8, 1)
    #expect((1...8).map { plan.indices(ofStep: $0)[0] } == [5, 2, 1, 3, 0, 4, 6, 7])
    #expect((9...16).map { plan.indices(ofStep: $0)[0] } == [3, 4, 7, 5, 6, 2, 1, 0])
    let order = DocumentOrder(count: 8, seed: 42, isShuffled: true)
    #expect(try (0..<8).map(order.document(at:)) == [3, 7, 1, 0, 2, 5, 6, 4])
  }

  @Test func seedsGiveOtherOrders() throws {
    var first = try plan(.chunks, 136, 1, seed: 1)
    var second = try plan(.chunks, 136, 1, seed: 2)
    #expect((1...136).map { first.indices(ofStep: $0) } != (1...136).map { second.indices(ofStep: $0) })
  }

  @Test func fileOrder() throws {
    var plan = try plan(.chunks, 7, 2, isShuffled: false)
    #expect(
      (1...6).map { plan.indices(ofStep: $0) } == [[0, 1], [2, 3], [4, 5], [0, 1], [2, 3], [4, 5]])
  }

  @Test func documentsGoAround() throws {
    var plan = try plan(.documents, 5, 2)
    #expect(plan.leftoverCount == 0)
    #expect(plan.stepsPerEpoch == 3)
    #expect(
      (1...6).map { plan.indices(ofStep: $0) } == [[0, 1], [2, 3], [4, 0], [1, 2], [3, 4], [0, 1]])
    let positions = (1...6).map { plan.position(ofStep: $0) }
    #expect(positions.map(\.epoch) == [1, 1, 1, 2, 2, 3])
    #expect(positions.map(\.stepInEpoch) == [1, 2, 3, 1, 2, 1])
  }

  @Test func positionsInEpochs() throws {
    let plan = try plan(.chunks, 4_357, 32)
    for (step, epoch, inEpoch) in [(1, 1, 1), (136, 1, 136), (137, 2, 1), (2_040, 15, 136)] {
      #expect(plan.position(ofStep: step) == (epoch, inEpoch))
    }
  }

  @Test func oneChunk() throws {
    var plan = try plan(.chunks, 1, 1)
    #expect(plan.stepsPerEpoch == 1)
    #expect((1...3).map { plan.indices(ofStep: $0) } == [[0], [0], [0]])
  }

  @Test func fewerThanABatch() {
    #expect(
      throws: InvalidInput(
        "the corpus has 31 training chunks, fewer than one batch of 32: "
          + "choose --batch-size 31 or smaller, or a longer corpus")
    ) { try plan(.chunks, 31, 32) }
    #expect(
      throws: InvalidInput(
        "the corpus has 0 training chunks, fewer than one batch of 1: "
          + "choose a smaller --block-size or a longer corpus")
    ) { try plan(.chunks, 0, 1) }
    #expect(throws: InvalidInput.self) { try plan(.documents, 3, 4) }
  }
}
