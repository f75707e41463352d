// Philox4x32-10 against Random123's known answers, and the distributions drawn from it.

import Foundation
import Reproducibility
import Testing

@Suite struct PhiloxVectors {
  @Test func zeros() {
    #expect(
      Philox.block(counter: .zero, key: .zero)
        == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
  }

  @Test func ones() {
    #expect(
      Philox.block(counter: SIMD4(repeating: .max), key: SIMD2(repeating: .max))
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
  }

  @Test func digitsOfPi() {
    #expect(
      Philox.block(
        counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
        key: SIMD2(0xa409_3822, 0x299f_31d0))
        == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test func aStreamIsItsBlocks() {
    var stream = Philox(seed: 0x0123_4567_89ab_cdef, purpose: .epochOrder, epoch: 5, step: 9)
    for number in 0..<3 {
      let block = Philox.block(
        counter: SIMD4(UInt32(number), 9, 5, RandomPurpose.epochOrder.rawValue),
        key: SIMD2(0x89ab_cdef, 0x0123_4567))
      #expect(stream.next() == UInt64(block.x) | UInt64(block.y) << 32)
      #expect(stream.next() == UInt64(block.z) | UInt64(block.w) << 32)
    }
  }

  @Test func purposesEpochsAndStepsAreIndependent() {
    var seen = Set<UInt64>()
    for purpose in [RandomPurpose.initialWeights, .epochOrder, .documentOrder, .sampling] {
      for epoch in 0..<4 {
        for step in 0..<4 {
          var stream = Philox(seed: 42, purpose: purpose, epoch: epoch, step: step)
          seen.insert(stream.next())
        }
      }
    }
    #expect(seen.count == 64)
  }
}

@Suite struct PhiloxDistributions {
  @Test(arguments: [0, 1, 2, 3, 136, 1_000])
  func permutationsHoldEveryNumberOnce(_ count: Int) {
    var random = Philox(seed: 7, purpose: .documentOrder)
    #expect(random.permutation(count).sorted() == Array(0..<count))
  }

  @Test func permutationsAreUniform() {
    // All 24 orders of four things, 24,000 draws: chi squared with 23 degrees of freedom, 99.9 % below 49.7.
    var random = Philox(seed: 1, purpose: .epochOrder)
    var counts: [[Int]: Int] = [:]
    for _ in 0..<24_000 { counts[random.permutation(4), default: 0] += 1 }
    #expect(counts.count == 24)
    let chiSquared = counts.values.reduce(0.0) { $0 + pow(Double($1) - 1_000, 2) / 1_000 }
    #expect(chiSquared < 49.7)
  }

  @Test func boundsAreKept() {
    var random = Philox(seed: 3, purpose: .sampling)
    var counts = [Int](repeating: 0, count: 3)
    for _ in 0..<3_000 { counts[random.next(below: 3)] += 1 }
    #expect(counts.allSatisfy { (900...1_100).contains($0) })
    #expect((0..<100).allSatisfy { _ in random.next(below: 1) == 0 })
  }

  /// A stream that begins at a block is the rest of the whole stream, up to its last block.
  @Test(arguments: [1, 7, 1_000]) func aStreamCanBeginAnywhere(block: UInt32) {
    var whole = Philox(seed: 5, purpose: .initialWeights, epoch: 3)
    for _ in 0..<block { _ = whole.nextNormalPair() }
    var rest = Philox(seed: 5, purpose: .initialWeights, epoch: 3, block: block)
    #expect((0..<50).allSatisfy { _ in whole.next() == rest.next() })
  }

  @Test func theLastBlockIsOneLikeAnother() {
    var end = Philox(seed: 5, purpose: .initialWeights, block: .max)
    let block = Philox.block(counter: SIMD4(.max, 0, 0, 1), key: SIMD2(5, 0))
    #expect(end.next() == UInt64(block.x) | UInt64(block.y) << 32)
    #expect(end.next() == UInt64(block.z) | UInt64(block.w) << 32)
  }

  @Test func normalMoments() {
    var random = Philox(seed: 5, purpose: .initialWeights)
    var (sum, squares) = (0.0, 0.0)
    for _ in 0..<50_000 {
      let (x, y) = random.nextNormalPair()
      sum += x + y
      squares += x * x + y * y
    }
    #expect(abs(sum / 100_000) < 0.012)
    #expect(abs(squares / 100_000 - 1) < 0.018)
  }
}

@Suite struct Permutations {
  /// As Fisher and Yates have it, a number at a time.
  @Test(arguments: [0, 1, 2, 3, 63, 64, 65, 66, 129, 1_000])
  func drawingAheadChangesNothing(_ count: Int) {
    var (naive, random) = (Philox(seed: 9, purpose: .documentOrder), Philox(seed: 9, purpose: .documentOrder))
    var expected = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) { expected.swapAt(last, naive.next(below: last + 1)) }
    #expect(random.permutation(count) == expected)
    #expect(random.next() == naive.next())
  }

  /// Rejections are rare for small bounds: this one rejects a quarter.
  @Test func boundsWithoutBias() {
    let bound = 3 << 61
    var random = Philox(seed: 3, purpose: .sampling)
    let drawn = (0..<3_000).map { _ in random.next(below: bound) }
    #expect(drawn.allSatisfy { (0..<bound).contains($0) })
    #expect((800..<1_200).contains(drawn.filter { $0 < bound / 3 }.count))
  }
}
