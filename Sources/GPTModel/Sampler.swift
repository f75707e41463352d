// From logits to the next token.

import Foundation
import Kernels
import Reproducibility

/// Draws tokens as `SamplingRules` say, with one random number a token.
public struct Sampler {
  public let rules: SamplingRules
  private var random: Philox
  private let weights: FloatArena

  /// - Parameter sample: each sample of a seed has its own random stream, however samples are batched.
  public init(rules: SamplingRules, seed: UInt64, sample: Int, vocabularySize: Int) {
    precondition(rules.temperature >= 0 && rules.temperature.isFinite)
    precondition(rules.minP <= 1 && rules.repeatPenalty > 0, "no token would be left")
    self.rules = rules
    random = Philox(seed: seed, purpose: .sampling, epoch: sample)
    weights = FloatArena(count: (vocabularySize + 15) / 16 * 16)
  }

  /// Draws from softmax(logits / temperature).
  public init(temperature: Double, seed: UInt64, sample: Int, vocabularySize: Int) {
    self.init(
      rules: SamplingRules(temperature: temperature), seed: seed, sample: sample,
      vocabularySize: vocabularySize)
  }

  /// - Parameters:
  ///   - logits: V floats, readable up to a multiple of 16.
  ///   - count: ids from `count` on are never drawn.
  ///   - recent: the last tokens of the text, for penalties.
  public mutating func next(
    _ logits: UnsafeBufferPointer<Float>, below count: Int, recent: ArraySlice<Int32> = []
  ) -> Int {
    guard rules.isPlain(count: count) else {
      return nextCandidate(rules.candidates(logits, below: count, recent: recent))
    }
    guard let base = logits.baseAddress else { preconditionFailure("no logits") }
    guard rules.temperature > 0 else { return Self.mostLikely(logits, below: count) }
    let total = softmaxWeights(
      base, temperature: Float(rules.temperature), into: weights.base, count: count)
    // A temperature so small that 1/T overflows leaves no finite weights: take the most likely token.
    guard total.isFinite, total > 0 else { return Self.mostLikely(logits, below: count) }
    var rest = Double(total) * random.nextUniform()
    for id in 0..<count {
      rest -= Double(weights.base[id])
      if rest < 0 { return id }
    }
    return Self.mostLikely(logits, below: count)
  }

  /// log softmax(logits)[id] over all V tokens, in nats: what the model itself thinks of a token, whatever the rules. The
  /// bits of a training's loss.
  func logProbability(of id: Int, _ logits: UnsafeBufferPointer<Float>) -> Double {
    guard let base = logits.baseAddress else { preconditionFailure("no logits") }
    let total = softmaxWeights(base, temperature: 1, into: weights.base, count: logits.count)
    let largest = logits[Self.mostLikely(logits, below: logits.count)]
    return Double(logits[id] - largest) - log(Double(total))
  }

  private mutating func nextCandidate(_ candidates: [SamplingCandidate]) -> Int {
    let best = candidates.reduce(candidates[0]) { $1.logit > $0.logit ? $1 : $0 }
    guard rules.temperature > 0 else { return best.id }
    let weights = candidates.map { exp(($0.logit - best.logit) / rules.temperature) }
    var rest = weights.reduce(0, +) * random.nextUniform()
    for (candidate, weight) in zip(candidates, weights) {
      rest -= weight
      if rest < 0 { return candidate.id }
    }
    return best.id
  }

  /// The id of the largest logit; the first of equals.
  private static func mostLikely(_ logits: UnsafeBufferPointer<Float>, below count: Int) -> Int {
    var best = 0
    for id in 1..<count where logits[id] > logits[best] { best = id }
    return best
  }
}
