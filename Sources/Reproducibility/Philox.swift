// Random numbers as a pure function of (seed, purpose, epoch, step): ranks, threads and steps share no state,
// so nothing random depends on how the work is divided or where it was interrupted.

import CTargetFeatures
import Foundation

/// What a stream of random numbers is for. Raw values are part of the checkpoint contract: never reuse one.
public enum RandomPurpose: UInt32, Sendable {
  case initialWeights = 1
  case epochOrder = 2
  case documentOrder = 3
  case sampling = 4
  case syntheticCorpus = 5
}

/// Philox4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
/// 2011), as in cuRAND and PyTorch's CUDA generator.
public struct Philox: RandomNumberGenerator, Sendable {
  private let key: SIMD2<UInt32>
  /// (block number low, block number high or step, epoch, purpose)
  private var counter: SIMD4<UInt32>
  private var block: SIMD4<UInt32> = .zero
  /// How many of the two 64-bit words in `block` are still unused.
  private var remaining = 0
  private var isExhausted = false

  /// The stream for one purpose. `epoch` and `step` select independent streams of 2³² blocks each.
  ///
  /// - Parameter block: where in the stream to begin. A block is two words: one pair of normal numbers.
  public init(seed: UInt64, purpose: RandomPurpose, epoch: Int = 0, step: Int = 0, block: UInt32 = 0) {
    key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    counter = SIMD4(
      block, UInt32(truncatingIfNeeded: step), UInt32(truncatingIfNeeded: epoch), purpose.rawValue)
  }

  public mutating func next() -> UInt64 {
    if remaining == 0 {
      precondition(!isExhausted, "a Philox stream holds 2^32 blocks")
      block = Self.block(counter: counter, key: key)
      (counter.x, isExhausted) = counter.x.addingReportingOverflow(1)
      remaining = 2
    }
    remaining -= 1
    return remaining == 1
      ? UInt64(block.x) | UInt64(block.y) << 32
      : UInt64(block.z) | UInt64(block.w) << 32
  }

  /// Uniform in [0, 1) with 53 random bits.
  public mutating func nextUniform() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// A pair of independent standard normal numbers (Box and Muller, 1958).
  public mutating func nextNormalPair() -> (Double, Double) {
    // 1 - u lies in (0, 1], so the logarithm is finite.
    let radius = (-2 * log(1 - nextUniform())).squareRoot()
    let angle = 2 * Double.pi * nextUniform()
    return (radius * cos(angle), radius * sin(angle))
  }

  /// Uniform in 0..<bound, without bias (Lemire, 2019). Written out because the standard library's
  /// `Int.random(in:using:)` does not promise the same result in every Swift version.
  public mutating func next(below bound: Int) -> Int {
    precondition(bound > 0)
    let bound = UInt64(bound)
    var (high, low) = next().multipliedFullWidth(by: bound)
    // The threshold is below the bound: mostly there is no need to divide.
    if low < bound {
      let threshold = (0 &- bound) % bound
      while low < threshold { (high, low) = next().multipliedFullWidth(by: bound) }
    }
    return Int(high)
  }

  /// The numbers 0..<count in a random order (Fisher and Yates).
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(repeating: 0, count: count)
    order.withUnsafeMutableBufferPointer { exchange($0) { _ in } }
    return order
  }

  /// The same into memory, of as many numbers as it holds.
  /// - Parameter onProgress: called every million numbers or so.
  public mutating func fill(
    permutation order: UnsafeMutableBufferPointer<UInt32>, onProgress: (_ done: Int) -> Void = { _ in }
  ) {
    exchange(order, onProgress)
  }

  // Inlined where the type is known: other modules would call it with a number's witnesses, three times as slow.
  @inline(__always)
  private mutating func exchange<Number: FixedWidthInteger>(
    _ order: UnsafeMutableBufferPointer<Number>, _ onProgress: (_ done: Int) -> Void
  ) {
    for index in order.indices { order[index] = Number(truncatingIfNeeded: index) }
    guard let numbers = order.baseAddress else { return }
    // Drawn ahead, so that memory is asked for the next ones while these are exchanged.
    let ahead = 64
    withUnsafeTemporaryAllocation(of: Int.self, capacity: ahead) { partners in
      var (last, exchanged) = (order.count - 1, 0)
      while last > 0 {
        let batch = min(ahead, last)
        for index in 0..<batch { partners[index] = next(below: last - index + 1) }
        for index in 0..<batch { target_prefetch(numbers + partners[index]) }
        for index in 0..<batch { order.swapAt(last - index, partners[index]) }
        last -= batch
        exchanged += batch
        if exchanged >= 1 << 20 {
          onProgress(exchanged)
          exchanged = 0
        }
      }
    }
  }

  /// One block of the generator: ten rounds of multiply and xor.
  public static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    // Scalars: vectors of four make a round several times slower.
    var (x, y, z, w) = (counter.x, counter.y, counter.z, counter.w)
    var (key0, key1) = (key.x, key.y)
    for _ in 0..<10 {
      let product0 = UInt64(0xD251_1F53) * UInt64(x)
      let product1 = UInt64(0xCD9E_8D57) * UInt64(z)
      x = UInt32(truncatingIfNeeded: product1 >> 32) ^ y ^ key0
      y = UInt32(truncatingIfNeeded: product1)
      z = UInt32(truncatingIfNeeded: product0 >> 32) ^ w ^ key1
      w = UInt32(truncatingIfNeeded: product0)
      key0 &+= 0x9E37_79B9
      key1 &+= 0xBB67_AE85
    }
    return SIMD4(x, y, z, w)
  }
}
