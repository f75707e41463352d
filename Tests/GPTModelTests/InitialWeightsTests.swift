// The weights before the first step: their distribution, their dependence on the seed, their bits; and the
// hash that compares weights.

import Foundation
import GPTModel
import Kernels
import Platform
import Reproducibility
import TestSupport
import Testing

@Suite("Initial weights") struct InitialWeightsTests {
  private let table: ParameterTable

  init() throws {
    table = ParameterTable(
      try GPTConfiguration(vocabularySize: 66, embeddingSize: 32, layerCount: 2, blockSize: 64, headCount: 4))
  }

  @Test(arguments: [0.08, 0.02, 1])
  func areNormal(deviation: Double) {
    let weights = table.initialWeights(seed: 42, standardDeviation: deviation)
    for entry in table.entries {
      let x = TwinModel.matrix(entry, weights.base).values.map { $0 / deviation }
      let n = Double(x.count)
      let mean = x.reduce(0, +) / n
      let moments = (2...4).map { power in x.reduce(0) { $0 + raise($1 - mean, power) } / n }
      // Five standard errors of each estimate from n standard normal numbers.
      #expect(abs(mean) < 5 / n.squareRoot(), "mean of \(entry.path)")
      #expect(abs(moments[0] - 1) < 5 * (2 / n).squareRoot(), "variance of \(entry.path)")
      #expect(abs(moments[1]) < 5 * (6 / n).squareRoot(), "third moment of \(entry.path)")
      #expect(abs(moments[2] - 3) < 5 * (96 / n).squareRoot(), "fourth moment of \(entry.path)")
    }
    #expect(padding(weights, table).allSatisfy { $0 == 0 })
  }

  private func raise(_ x: Double, _ power: Int) -> Double { (0..<power).reduce(1) { y, _ in y * x } }

  @Test func dependOnTheSeedAlone() {
    let first = table.initialWeights(seed: 7)
    expectSameBits(table.initialWeights(seed: 7).contents, first.contents, "the same seed")
    #expect(table.weightsHash(of: table.initialWeights(seed: 8)) != table.weightsHash(of: first))
    #expect(
      table.weightsHash(of: first)
        == table.weightsHash(of: table.initialWeights(seed: 7, standardDeviation: 0.08)))
  }

  /// Whoever draws which part: a tensor of several pieces, and pieces of odd ends.
  @Test(arguments: [2, 3, 8]) func areTheSameForAnyTeam(threads: Int) throws {
    let table = ParameterTable(
      try GPTConfiguration(vocabularySize: 901, embeddingSize: 111, layerCount: 1, blockSize: 3, headCount: 1)
    )
    let alone = table.initialWeights(seed: 7)
    var parts: [Double] = []
    let shared = table.initialWeights(seed: 7, team: ThreadTeam(count: threads)) { parts.append($0) }
    expectSameBits(shared.contents, alone.contents, "\(threads) threads")
    #expect(parts.last == 1 && parts == parts.sorted())
    // The stream of a tensor, drawn in one go.
    let entry = table.entries[0]
    var random = Philox(seed: 7, purpose: .initialWeights, epoch: 0)
    for index in stride(from: 0, to: entry.count - 1, by: 2) {
      let (first, second) = random.nextNormalPair()
      guard alone.base[index] == Float(first * 0.08), alone.base[index + 1] == Float(second * 0.08) else {
        Issue.record("weight \(index)")
        break
      }
    }
  }

  /// By width, and by depth where a block adds to the residual stream; the same random numbers.
  @Test func scaledWeightsFollowTheSizes() throws {
    let weights = table.initialWeights(seed: 42, scheme: .scaled)
    let plain = table.initialWeights(seed: 42, standardDeviation: 1)
    let wide = 0.02 * (768.0 / 32).squareRoot()
    for entry in table.entries {
      let isResidual = entry.path.hasSuffix("attn_wo") || entry.path.hasSuffix("mlp_fc2")
      let deviation = isResidual ? wide / 2 : wide
      for index in entry.range where abs(plain.base[index]) > 0.01 {
        let ratio = Double(weights.base[index] / plain.base[index])
        guard abs(ratio / deviation - 1) < 1e-5 else {
          Issue.record("\(entry.path): \(ratio) instead of \(deviation)")
          break
        }
      }
    }
  }

  /// Whatever the width and the depth, training begins near guessing.
  @Test(arguments: [(256, 2), (384, 6), (256, 12)]) func scaledWeightsBeginNearGuessing(
    width: Int, layers: Int
  )
    throws
  {
    let sizes = try GPTConfiguration(
      vocabularySize: 66, embeddingSize: width, layerCount: layers, blockSize: 32, headCount: 4)
    #expect(InitialScheme.automatic(for: sizes) == .scaled)
    func loss(_ scheme: InitialScheme) -> Double {
      let model = PreparedModel(
        configuration: sizes, weights: ParameterTable(sizes).initialWeights(seed: 1, scheme: scheme),
        isTraining: false)
      model.prepareAll()
      let tokens = (0...32).map { Int32($0 * 37 % 65) }
      return model.leafLoss(CollectionOfOne(tokens), SequenceWorkspace(sizes)) / 32
    }
    let guessing = log(66.0)
    #expect(loss(.scaled) < 1.15 * guessing)
    #expect(loss(.reference) > 2 * guessing)
  }

  /// Tensors have streams of their own: no two begin alike.
  @Test func tensorsDiffer() {
    let weights = table.initialWeights(seed: 7)
    let beginnings = Set(table.entries.map { weights.base[$0.offset] })
    #expect(beginnings.count == table.entries.count)
  }

  /// Runs that were begun with a seed can be begun again with the same bits (as glibc rounds log, cos and sin).
  @Test(arguments: [(0, "65404bd45a888fe2"), (42, "319e6ee9d5fe1cae")])
  func goldenHash(seed: Int, hash: String) {
    #expect(table.weightsHash(of: table.initialWeights(seed: UInt64(seed))) == hash)
  }

  @Test func theHashSeesEveryElementAndNoPadding() throws {
    let table = ParameterTable(
      try GPTConfiguration(vocabularySize: 3, embeddingSize: 3, layerCount: 1, blockSize: 2, headCount: 1))
    let weights = table.initialWeights(seed: 1)
    let hash = table.weightsHash(of: weights)
    #expect(hash.count == 16)
    for index in 0..<table.arenaCount {
      let kept = weights.base[index]
      weights.base[index] = kept + 1
      #expect(
        (table.weightsHash(of: weights) == hash) == (table.entry(containing: index) == nil),
        "element \(index)")
      weights.base[index] = kept
    }
    #expect(table.weightsHash(of: weights) == hash)
  }
}
