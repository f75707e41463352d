// The weights before the first step: their distribution, their dependence on the seed, their bits; and the
// hash that compares weights.

import GPTModel
import Kernels
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
