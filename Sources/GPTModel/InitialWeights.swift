// The weights before the first step: a function of (configuration, seed, scheme, standard deviation), whichever thread
// draws which part of them.

import Kernels
import Platform
import Reproducibility

/// How the deviation of a tensor's initial weights follows from the sizes of the model. Raw values are those of the
/// checkpoint's `/config/init_scheme`.
public enum InitialScheme: String, CaseIterable, Sendable {
  /// One deviation for all tensors, as in MicroGPT.jl: right for small models. The logits grow with the width: 0.08
  /// begins at a loss of 40 at 384 wide, of 128 at 768.
  case reference
  /// GPT-2's 0.02 at 768 wide, in inverse proportion to √C elsewhere, and √(2L) times smaller where a block adds to the
  /// residual stream (Radford et al., 2019, section 2.3; nanoGPT's `_init_weights`). Begins near ln V at any size.
  case scaled

  /// `reference` for models up to the presets' sizes, else `scaled`.
  public static func automatic(for configuration: GPTConfiguration) -> InitialScheme {
    configuration.embeddingSize <= 128 && configuration.layerCount <= 4 ? .reference : .scaled
  }

  /// - Parameter configured: what `reference` takes.
  func standardDeviation(of entry: Int, in table: ParameterTable, configured: Double) -> Double {
    guard self == .scaled else { return configured }
    let width = Double(table.entries[table.tokenEmbedding].columns)
    let deviation = 0.02 * (768 / width).squareRoot()
    let isResidual = table.blocks.contains { $0.output == entry || $0.project == entry }
    return isResidual ? deviation / (2 * Double(table.blocks.count)).squareRoot() : deviation
  }
}

extension ParameterTable {
  /// Every weight ~ Normal(0, σ), with one random stream per tensor.
  ///
  /// - Parameters:
  ///   - standardDeviation: σ of `reference`.
  ///   - team: shares the work; the bits do not depend on it.
  ///   - onProgress: called with the part that is done, 0…1, a few times a second.
  public func initialWeights(
    seed: UInt64, scheme: InitialScheme = .reference, standardDeviation: Double = 0.08,
    team: ThreadTeam = ThreadTeam(count: 1), onProgress: (Double) -> Void = { _ in }
  ) -> FloatArena {
    let arena = FloatArena(count: arenaCount)
    let pieces = entries.indices.flatMap { index in
      stride(from: 0, to: entries[index].count, by: Self.pieceCount).map { (entry: index, first: $0) }
    }
    let deviations = entries.indices.map {
      scheme.standardDeviation(of: $0, in: self, configured: standardDeviation)
    }
    let wave = 32 * team.count
    for begin in stride(from: 0, to: pieces.count, by: wave) {
      team.run(min(wave, pieces.count - begin)) { piece, _ in
        let (index, first) = pieces[begin + piece]
        let entry = entries[index]
        Self.draw(
          min(Self.pieceCount, entry.count - first), from: first, ofStream: index, seed: seed,
          standardDeviation: deviations[index], into: arena.base + entry.offset + first)
      }
      onProgress(Double(min(begin + wave, pieces.count)) / Double(pieces.count))
    }
    return arena
  }

  /// Weights that a thread draws at a time; even, because they come in pairs.
  private static let pieceCount = 1 << 15

  /// - Parameter first: number of the first weight in its tensor, even.
  private static func draw(
    _ count: Int, from first: Int, ofStream stream: Int, seed: UInt64, standardDeviation: Double,
    into weights: UnsafeMutablePointer<Float>
  ) {
    let block = first / 2
    // Beyond 2³² blocks a tensor goes on in the stream of the next "step".
    var random = Philox(
      seed: seed, purpose: .initialWeights, epoch: stream, step: block >> 32,
      block: UInt32(truncatingIfNeeded: block))
    for i in stride(from: 0, to: count, by: 2) {
      let (first, second) = random.nextNormalPair()
      weights[i] = Float(first * standardDeviation)
      if i + 1 < count { weights[i + 1] = Float(second * standardDeviation) }
    }
  }
}
