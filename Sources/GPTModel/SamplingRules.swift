// Which tokens may be drawn, and how likely each of them is. Meanings and order are those of llama.cpp's default chain
// (common/sampling.cpp, src/llama-sampling.cpp: penalties, top-k, top-p, min-p, temperature), with min_keep 1.

import Foundation

/// How the next token follows from the logits. With everything but the temperature off, as it is unless set, tokens are
/// drawn from softmax(logits / temperature).
public struct SamplingRules: Equatable, Sendable {
  /// 0 takes the likeliest token that the other rules leave.
  public var temperature = 0.8
  /// Only the k likeliest tokens; 0, and a number that is no smaller than the vocabulary, leaves all of them.
  public var topK = 0
  /// Only the likeliest tokens that together have this probability, the one that reaches it included (Holtzman et al.,
  /// 2020); 1 leaves all of them. Probabilities are those at temperature 1, of what `topK` has left.
  public var topP = 1.0
  /// Only tokens that are at least this fraction as likely as the likeliest one, 0…1; 0 leaves all of them.
  public var minP = 0.0
  /// Divides positive logits of tokens that were used lately and multiplies negative ones (Keskar et al., 2019); 1 = off.
  public var repeatPenalty = 1.0
  /// How many tokens, prompt included, count as lately; 0 = none, -1 = as many as the context holds.
  public var repeatLastCount = 64

  public init(temperature: Double = 0.8) { self.temperature = temperature }

  /// Whether only the temperature decides among `count` tokens.
  func isPlain(count: Int) -> Bool {
    (topK <= 0 || topK >= count) && topP >= 1 && minP <= 0 && !penalizes
  }

  var penalizes: Bool { repeatPenalty != 1 && repeatLastCount != 0 }
}

/// A token that may be drawn.
struct SamplingCandidate: Equatable {
  let id: Int
  /// After penalties, before the temperature.
  var logit: Double
}

extension SamplingRules {
  /// The tokens that may be drawn, by id.
  ///
  /// - Parameters:
  ///   - logits: at least `count` of them; ids from `count` on are never drawn.
  ///   - recent: the tokens that penalties are for.
  func candidates(
    _ logits: UnsafeBufferPointer<Float>, below count: Int, recent: some Sequence<Int32>
  ) -> [SamplingCandidate] {
    var candidates = (0..<count).map { SamplingCandidate(id: $0, logit: Double(logits[$0])) }
    if penalizes {
      for id in Set(recent) where Int(id) < count {
        let logit = candidates[Int(id)].logit
        candidates[Int(id)].logit = logit > 0 ? logit / repeatPenalty : logit * repeatPenalty
      }
    }
    candidates.sort { ($1.logit, $0.id) < ($0.logit, $1.id) }
    if topK > 0 { candidates.removeLast(max(0, count - topK)) }
    let largest = candidates[0].logit
    if topP < 1 {
      let weights = candidates.map { exp($0.logit - largest) }
      let wanted = topP * weights.reduce(0, +)
      var (kept, sum) = (0, 0.0)
      // One stays even if its probability is all that is wanted, or more.
      repeat {
        sum += weights[kept]
        kept += 1
      } while sum < wanted && kept < weights.count
      candidates.removeLast(candidates.count - kept)
    }
    if minP > 0 {
      let smallest = largest + log(minP)
      candidates.removeAll { $0.logit < smallest }
    }
    return candidates.sorted { $0.id < $1.id }
  }
}
