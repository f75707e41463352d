// Penalties, top-k, top-p and min-p against a naive twin that follows their definitions.

import Foundation
import Kernels
import TestSupport
import Testing

@testable import GPTModel

@Suite struct SamplingRulesTests {
  /// The tokens that may be drawn, and their probabilities, by the definitions: llama.cpp's, one step after the other.
  private func twin(_ rules: SamplingRules, _ logits: [Float], recent: [Int32]) -> [Int: Double] {
    var left = Dictionary(uniqueKeysWithValues: logits.enumerated().map { ($0, Double($1)) })
    for id in left.keys where recent.contains(Int32(id)) {
      left[id]! *= left[id]! > 0 ? 1 / rules.repeatPenalty : rules.repeatPenalty
    }
    func sorted() -> [Int] { left.keys.sorted { (-left[$0]!, $0) < (-left[$1]!, $1) } }
    func probabilities(_ temperature: Double) -> [Int: Double] {
      let total = left.values.reduce(0) { $0 + exp($1 / temperature) }
      return left.mapValues { exp($0 / temperature) / total }
    }
    if rules.topK > 0 { for id in sorted().dropFirst(rules.topK) { left[id] = nil } }
    if rules.topP < 1 {
      let p = probabilities(1)
      var sum = 0.0
      for id in sorted() {
        if sum >= rules.topP, sum > 0 { left[id] = nil }
        sum += p[id]!
      }
    }
    if rules.minP > 0 {
      let p = probabilities(1)
      let most = p.values.max()!
      for id in left.keys where p[id]! < rules.minP * most { left[id] = nil }
    }
    return probabilities(rules.temperature)
  }

  private let logits: [Float] = (0..<21).map { Float(sin(Double($0) * 1.7) * 3) }

  private func withBuffer<Result>(_ logits: [Float], _ body: (UnsafeBufferPointer<Float>) -> Result) -> Result
  {
    let arena = FloatArena(count: (logits.count + 15) / 16 * 16)
    for (index, logit) in logits.enumerated() { arena.base[index] = logit }
    return withExtendedLifetime(arena) { body(UnsafeBufferPointer(start: arena.base, count: logits.count)) }
  }

  private static let cases: [SamplingRules] = {
    var cases: [SamplingRules] = []
    for topK in [0, 1, 5, 20, 21, 22, Int.max] {
      for topP in [0, 0.3, 0.9, 1] {
        for minP in [0, 0.05, 0.7, 1] {
          for penalty in [1, 1.3, 0.8] {
            var rules = SamplingRules(temperature: 0.8)
            (rules.topK, rules.topP, rules.minP, rules.repeatPenalty) = (topK, topP, minP, penalty)
            cases.append(rules)
          }
        }
      }
    }
    return cases
  }()

  @Test func everyCombinationLeavesWhatTheDefinitionsLeave() {
    let recent: [Int32] = [3, 3, 14, 20, 0]
    for rules in Self.cases {
      let expected = twin(rules, logits, recent: recent)
      let found = withBuffer(logits) { rules.candidates($0, below: 21, recent: recent) }
      #expect(found.map(\.id) == expected.keys.sorted(), "\(rules)")
      let total = found.reduce(0) { $0 + exp($1.logit / rules.temperature) }
      for candidate in found {
        let probability = exp(candidate.logit / rules.temperature) / total
        #expect(abs(probability - (expected[candidate.id] ?? 0)) < 1e-12, "\(rules) \(candidate)")
      }
    }
  }

  @Test func drawsHaveTheFrequenciesOfTheTwin() {
    var rules = SamplingRules(temperature: 1.2)
    (rules.topK, rules.topP, rules.minP, rules.repeatPenalty) = (9, 0.95, 0.02, 1.4)
    let recent: ArraySlice<Int32> = [1, 5, 9]
    let expected = twin(rules, logits, recent: Array(recent))
    let count = 40_000
    var sampler = Sampler(rules: rules, seed: 3, sample: 0, vocabularySize: 21)
    var found = [Int](repeating: 0, count: 21)
    withBuffer(logits) { buffer in
      for _ in 0..<count { found[sampler.next(buffer, below: 21, recent: recent)] += 1 }
    }
    for (id, times) in found.enumerated() {
      let probability = expected[id] ?? 0
      // Five standard deviations.
      let tolerance = 5 * (Double(count) * probability * (1 - probability)).squareRoot()
      #expect(abs(Double(times) - Double(count) * probability) <= tolerance, "\(id)")
    }
    #expect(expected.count > 3 && expected.count <= 9)
  }

  /// With rules that leave everything, today's draws, bit by bit.
  @Test func rulesThatLeaveEverythingChangeNothing() {
    func draws(_ change: (inout SamplingRules) -> Void) -> [Int] {
      var rules = SamplingRules(temperature: 0.9)
      change(&rules)
      var sampler = Sampler(rules: rules, seed: 5, sample: 1, vocabularySize: 21)
      return withBuffer(logits) { buffer in
        (0..<300).map { _ in sampler.next(buffer, below: 20, recent: [1, 2]) }
      }
    }
    let plain = draws { _ in }
    var old = Sampler(temperature: 0.9, seed: 5, sample: 1, vocabularySize: 21)
    #expect(withBuffer(logits) { buffer in (0..<300).map { _ in old.next(buffer, below: 20) } } == plain)
    #expect(draws { $0.topK = 20 } == plain && draws { $0.topK = Int.max } == plain)
    #expect(draws { ($0.repeatPenalty, $0.repeatLastCount) = (2, 0) } == plain)
    #expect(draws { $0.topK = 5 } != plain && draws { $0.repeatPenalty = 2 } != plain)
  }

  @Test func temperatureZeroTakesTheLikeliestThatIsLeft() {
    var rules = SamplingRules(temperature: 0)
    rules.repeatPenalty = 10
    var sampler = Sampler(rules: rules, seed: 1, sample: 0, vocabularySize: 4)
    withBuffer([1, 4, 3, -1]) { buffer in
      #expect(sampler.next(buffer, below: 4, recent: []) == 1)
      #expect(sampler.next(buffer, below: 4, recent: [1]) == 2)
      #expect(sampler.next(buffer, below: 4, recent: [1, 2, 0]) == 1)
      #expect(sampler.next(buffer, below: 1, recent: [0]) == 0)
    }
  }
}

@Suite struct StopMatcherTests {
  private func run(_ stops: [String], _ text: String) -> (passed: String, isStopped: Bool) {
    var matcher = StopMatcher(stops)
    var passed = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let result = matcher.take(.init(scalar: scalar, logProbability: 0))
      passed.append(contentsOf: result.passed.map(\.scalar))
      if result.isStopped { return (String(passed), true) }
    }
    passed.append(contentsOf: matcher.flush().map(\.scalar))
    return (String(passed), false)
  }

  /// Cut at the earliest end of a stop; of those that end there, at the beginning of the longest.
  private func naive(_ stops: [String], _ text: String) -> (passed: String, isStopped: Bool) {
    for end in text.indices {
      let part = text[...end]
      if let stop = stops.filter({ part.hasSuffix($0) }).max(by: { $0.count < $1.count }) {
        return (String(part.dropLast(stop.count)), true)
      }
    }
    return (text, false)
  }

  @Test func everyTextIsCutWhereTheNaiveSearchCutsIt() {
    var random = TestRandom(4)
    for stops in [["a"], ["aa", "b"], ["aab"], ["aba", "abac"], ["bab", "ab"], ["abab"], []] {
      for _ in 0..<200 {
        let text = String(
          (0..<random.next(below: 14)).map { _ in Character(["a", "b", "c"][random.next(below: 3)]) })
        let (found, expected) = (run(stops, text), naive(stops, text))
        #expect(found.passed == expected.passed && found.isStopped == expected.isStopped, "\(stops) \(text)")
      }
    }
  }

  @Test func whatCannotBecomeAStopIsPassedOnAtOnce() {
    var matcher = StopMatcher(["xyz"])
    func take(_ scalar: Unicode.Scalar) -> Int {
      matcher.take(.init(scalar: scalar, logProbability: 0)).passed.count
    }
    let passed: [Int] = [take("a"), take("x"), take("y"), take("x"), take("b")]
    #expect(passed == [1, 0, 0, 2, 2])
  }
}
