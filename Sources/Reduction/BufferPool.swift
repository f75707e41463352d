// Gradient-sized float buffers that are lent and returned, so that a step allocates nothing.

import Synchronization

/// Buffers of `elementCount` floats, 64-byte aligned, contents undefined. Safe from every thread.
///
/// The pool owns all the buffers it has made and frees them with itself, lent or not.
public final class BufferPool: Sendable {
  public let elementCount: Int
  /// Buffers on loan at one time, at most.
  public let limit: Int
  /// Floats allocated beyond `elementCount`, so that a vector load at the last element stays inside.
  private static let slack = 64
  private let state = Mutex(State())

  private struct State {
    var idle: [LentBuffer] = []
    var all: [LentBuffer] = []
  }

  public init(elementCount: Int, limit: Int) {
    precondition(elementCount >= 0 && limit >= 1)
    self.elementCount = elementCount
    self.limit = limit
  }

  deinit {
    state.withLock { state in
      for buffer in state.all { UnsafeMutableRawPointer(buffer.pointer).deallocate() }
    }
  }

  /// Buffers made so far: the high-water mark of buffers on loan at one time.
  public var bufferCount: Int { state.withLock { $0.all.count } }

  /// Lends a buffer, the most recently returned one first: it is the warmest in cache.
  ///
  /// - Parameter reserve: how many of the limit's buffers must stay free.
  /// - Returns: nil if they would not.
  public func take(reserve: Int = 0) -> UnsafeMutablePointer<Float>? {
    let buffer: LentBuffer? = state.withLock { state in
      guard limit - state.all.count + state.idle.count > reserve else { return nil }
      if let idle = state.idle.popLast() { return idle }
      let made = LentBuffer(capacity: elementCount + Self.slack)
      state.all.append(made)
      state.idle.reserveCapacity(state.all.count)
      return made
    }
    return buffer?.pointer
  }

  /// Takes back a buffer of this pool.
  public func giveBack(_ pointer: UnsafeMutablePointer<Float>) {
    let buffer = LentBuffer(pointer: pointer)
    state.withLock { $0.idle.append(buffer) }
  }

  /// Takes back all buffers.
  public func reset() { state.withLock { $0.idle = $0.all } }
}

/// A pointer that travels between threads; whoever holds it is its only user.
struct LentBuffer: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>

  init(pointer: UnsafeMutablePointer<Float>) { self.pointer = pointer }

  init(capacity: Int) {
    let bytes = capacity * MemoryLayout<Float>.stride
    pointer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      .bindMemory(to: Float.self, capacity: capacity)
    pointer.initialize(repeating: 0, count: capacity)
  }
}
