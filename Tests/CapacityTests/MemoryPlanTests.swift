// What a plan adds up, and what is refused. Whether plans are true is for ProgramsTests, which measure.

import DataParallel
import GPTModel
import Platform
import Reduction
import Testing
import TrainingState

@testable import Capacity

@Suite struct MemoryPlanTests {
  private func configuration(_ width: Int = 128, layers: Int = 4, batch: Int = 32) -> TrainingConfiguration {
    var configuration = TrainingConfiguration()
    configuration.model = GPTConfiguration(
      unchecked: 66, embeddingSize: width, layerCount: layers, blockSize: 256, headCount: 4)
    configuration.globalBatchSize = batch
    return configuration
  }

  private func reduction(_ hosts: [some Hashable]) -> ReductionPlan {
    ReductionPlan(leafCount: configuration().leafCount, layout: HostLayout(names: hosts))
  }

  @Test func partsAreThoseOfTheModel() {
    let plan = MemoryPlan(configuration(), threads: 1)
    let arena = ParameterTable(configuration().model).arenaCount * 4
    #expect(plan.weights == arena && plan.moments == 2 * arena && plan.savingCopy == 3 * arena)
    // 8 leaves on one thread: the first becomes their sum, and one waits on each level of the tree.
    #expect(plan.gradients == (1 + 3) * arena && plan.exchange == 0)
    #expect(MemoryPlan(configuration(), threads: 16).gradients == 8 * arena)
    #expect(MemoryPlan(configuration(), threads: 2).activations == 2 * plan.activations)
    #expect(MemoryPlan(configuration(), threads: 1, saves: false).savingCopy == 0)
    // 4 leaves each, and half of the sum that the ranks of a host share.
    let neighbour = MemoryPlan(configuration(), threads: 1, rank: 1, reduction: reduction(["a", "a"]))
    #expect(neighbour.savingCopy == 0 && neighbour.exchange == 0)
    #expect(neighbour.gradients == (1 + 2) * arena + arena / 2)
    let stranger = MemoryPlan(configuration(), threads: 1, rank: 1, reduction: reduction(["a", "b"]))
    #expect(stranger.exchange == arena / 2 && stranger.gradients == (1 + 2 + 1) * arena)
    var sgd = configuration()
    sgd.optimizer = "sgd"
    #expect(MemoryPlan(sgd, threads: 1).moments == arena)
  }

  /// A model of 300 billion parameters is counted, not multiplied beyond 64 bits.
  @Test func largeModelsAreCounted() {
    let plan = MemoryPlan(configuration(16_384, layers: 100), threads: 64)
    #expect(plan.weights > 1_280_000_000_000 && plan.total > 10 * plan.weights)
  }

  @Test(arguments: [(16, 1), (128, 4), (768, 12), (8_192, 96)]) func linesAreShort(width: Int, layers: Int) {
    for world in [1, 8] {
      let plan = MemoryPlan(
        configuration(width, layers: layers), threads: 8, reduction: reduction(Array(0..<world)))
      let lines = plan.lines(hostNeeds: world * plan.total, available: 123_456_789_000)
      #expect((2...3).contains(lines.count) && lines.allSatisfy { $0.count <= 79 }, "\(lines)")
      let text = lines.joined(separator: " ")
      for word in [
        "weights", "moments", "leaves", "activations", "packed", "save", "a rank", "a host of 123 GB",
      ] {
        #expect(text.contains(word), "\(text)")
      }
      #expect(text.contains("exchange") == (world > 1))
    }
  }

  private func host(
    _ limits: [[MemoryLimit]], hosts: [String]? = nil, present: Int = 0, threads: Int = 2, width: Int = 768
  ) -> HostMemory {
    let configuration = configuration(width, layers: 12)
    let names = hosts ?? limits.map { _ in "a" }
    let reduction = reduction(names)
    let ranks = limits.enumerated().map { rank, limits in
      HostMemory.Rank(
        host: names[rank], threads: threads, present: present, limits: limits,
        plan: MemoryPlan(configuration, threads: threads, rank: rank, reduction: reduction))
    }
    return HostMemory(ranks, configuration, saves: true)
  }

  private func machine(_ bytes: Int) -> MemoryLimit {
    MemoryLimit(name: "machine", words: "the machine's memory", available: bytes)
  }

  @Test func whatFitsIsNotRefused() {
    let needed = host([[]]).largest.total
    #expect(host([[]]).refusal == nil)
    #expect(host([[machine(needed)]]).refusal == nil)
    #expect(host([[machine(needed * 96 / 100)]]).refusal == nil)
    // What the process has already is part of its plan.
    #expect(host([[machine(needed - 500_000_000)]], present: 500_000_000).refusal == nil)
  }

  @Test func whatDoesNotFitIsRefusedWithNumbersAndWhatWould() throws {
    let needed = host([[]]).largest.total
    let message = try #require(host([[machine(needed * 9 / 10)]]).refusal).message
    #expect(message.contains("rank 0 on a would need \(Readable.bytes(needed)) of memory more"), "\(message)")
    #expect(message.contains("the machine's memory leaves \(Readable.bytes(needed * 9 / 10))"), "\(message)")
    #expect(message.contains("choose --threads 1"), "\(message)")
    let less = try #require(host([[machine(needed / 3)]]).refusal).message
    #expect(less.contains("choose --n-embd 384") && !less.contains("\n"), "\(less)")
    let nothing = try #require(host([[machine(1_000)]]).refusal).message
    #expect(nothing.contains("a smaller model"), "\(nothing)")
  }

  @Test func ranksOfAHostAreAddedUpAndThoseOfOthersAreNot() throws {
    let one = host([[]]).largest.total
    let limit = machine(one * 3 / 2)
    #expect(host([[limit]]).refusal == nil)
    let message = try #require(host([[limit], [limit], [limit]]).refusal).message
    #expect(message.contains("3 ranks on a would need") && message.contains("fewer ranks"), "\(message)")
    #expect(host([[limit], [limit], [limit]], hosts: ["a", "b", "c"]).refusal == nil)
    // Each has its own.
    let own = MemoryLimit(name: "", words: "ulimit -v", available: one * 3 / 2)
    #expect(host([[own], [own], [own]]).refusal == nil)
    // The tightest of several decides.
    let tight = MemoryLimit(name: "/job", words: "the job's group", available: one / 2)
    #expect(host([[limit, tight]]).refusal?.message.contains("the job's group") == true)
  }

  /// A batch system says what it gives, not what is used.
  @Test func aTotalCountsWhatIsThereAlready() {
    let needed = host([[]]).largest.total
    let total = MemoryLimit(name: "slurm", words: "SLURM", available: needed * 9 / 10, isTotal: true)
    #expect(host([[total]], present: needed / 2).refusal != nil)
    #expect(host([[machine(needed * 9 / 10)]], present: needed / 2).refusal == nil)
  }
}

@Suite struct StepEstimateTests {
  @Test func aCalibrationIsAPositiveNumberThatGrowsWithTheWork() throws {
    var configuration = TrainingConfiguration()
    configuration.model = GPTConfiguration(
      unchecked: 30, embeddingSize: 32, layerCount: 2, blockSize: 32, headCount: 4)
    configuration.globalBatchSize = 8
    let estimate = try StepEstimate(configuration, threads: 2, communicator: .single())
    #expect(estimate.secondsPerStep > 0 && estimate.secondsPerStep < 10)
    let training = estimate.seconds(steps: 10, validations: 0, of: 0, workers: 2)
    #expect(training == 10 * estimate.secondsPerStep)
    #expect(estimate.seconds(steps: 10, validations: 2, of: 99, workers: 2) > training)
  }
}
