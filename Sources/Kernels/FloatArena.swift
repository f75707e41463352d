// One aligned block of floats with one owner: weights, gradients, optimizer state, activations.

import Foundation

/// `count` floats, initially zero, aligned to 64 bytes (a cache line, the widest vector register).
///
/// A class and `@unchecked Sendable` because threads of one rank work on disjoint parts of the same arena;
/// the code that hands out the parts decides who may touch what.
public final class FloatArena: @unchecked Sendable {
  public let count: Int
  public let base: UnsafeMutablePointer<Float>
  /// Floats allocated beyond `count`, so that a vector load at the last element stays inside.
  private static let slack = 64
  private let ownsMemory: Bool
  /// Bytes of a huge page on x86-64 and most arm64 systems.
  private static let hugePage = 2 << 20

  public init(count: Int) {
    precondition(count >= 0)
    self.count = count
    ownsMemory = true
    let bytes = (count + Self.slack) * MemoryLayout<Float>.stride
    let isHuge = bytes >= Self.hugePage
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: bytes, alignment: isHuge ? Self.hugePage : 64)
    #if os(Linux)
      // Fewer address translations; only advice, so failure is harmless.
      if isHuge { madvise(memory, bytes, MADV_HUGEPAGE) }
    #endif
    base = memory.bindMemory(to: Float.self, capacity: count + Self.slack)
    base.initialize(repeating: 0, count: count + Self.slack)
  }

  /// Memory of somebody else, who keeps it as long as this is used: `count` floats and a vector beyond.
  public init(viewing base: UnsafeMutablePointer<Float>, count: Int) {
    self.count = count
    self.base = base
    ownsMemory = false
  }

  deinit { if ownsMemory { UnsafeMutableRawPointer(base).deallocate() } }

  public var floats: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: base, count: count)
  }

  public func copy(from other: FloatArena) {
    precondition(count == other.count)
    base.update(from: other.base, count: count)
  }

  public func copy() -> FloatArena {
    let result = FloatArena(count: count)
    result.copy(from: self)
    return result
  }

  public func zero() { base.update(repeating: 0, count: count) }
}
