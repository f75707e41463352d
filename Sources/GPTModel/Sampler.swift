// From logits to the next token.

import Kernels
import Reproducibility

/// Draws tokens from softmax(logits / temperature); temperature 0 picks the most likely one.
public struct Sampler {
  public let temperature: Double
  private var random: Philox
  private let weights: FloatArena

  /// - Parameter sample: each sample of a seed has its own random stream, however samples are batched.
  public init(temperature: Double, seed: UInt64, sample: Int, vocabularySize: Int) {
    precondition(temperature >= 0 && temperature.isFinite)
    self.temperature = temperature
    random = Philox(seed: seed, purpose: .sampling, epoch: sample)
    weights = FloatArena(count: (vocabularySize + 15) / 16 * 16)
  }

  /// - Parameters:
  ///   - logits: V floats, readable up to a multiple of 16.
  ///   - count: ids from `count` on are never drawn.
  public mutating func next(_ logits: UnsafeBufferPointer<Float>, below count: Int) -> Int {
    guard let base = logits.baseAddress else { preconditionFailure("no logits") }
    guard temperature > 0 else { return Self.mostLikely(logits, below: count) }
    let total = softmaxWeights(base, temperature: Float(temperature), into: weights.base, count: count)
    // A temperature so small that 1/T overflows leaves no finite weights: take the most likely token.
    guard total.isFinite, total > 0 else { return Self.mostLikely(logits, below: count) }
    var rest = Double(total) * random.nextUniform()
    for id in 0..<count {
      rest -= Double(weights.base[id])
      if rest < 0 { return id }
    }
    return Self.mostLikely(logits, below: count)
  }

  /// The id of the largest logit; the first of equals.
  private static func mostLikely(_ logits: UnsafeBufferPointer<Float>, below count: Int) -> Int {
    var best = 0
    for id in 1..<count where logits[id] > logits[best] { best = id }
    return best
  }
}
