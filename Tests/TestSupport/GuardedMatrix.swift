// Memory for a Float kernel under test: every float that it must not write, or whose value must not matter,
// holds a canary, a NaN with a payload of its own. Reading one spoils the result, writing one is reported.

import Kernels
import Testing

/// `rows` × `columns` floats, rows `stride` apart, with canaries behind each row, before and after the whole.
public final class GuardedMatrix {
  public static let canary = Float(bitPattern: 0x7FC0_DEAD)
  /// Floats before and after; a multiple of 16, so that the first element stays aligned.
  private static let margin = 64

  public let rows: Int
  public let columns: Int
  public let stride: Int
  private let arena: FloatArena

  /// Filled with canaries throughout: the kernel must write each element before anyone reads it.
  public init(_ rows: Int, _ columns: Int, stride: Int? = nil) {
    (self.rows, self.columns) = (rows, columns)
    self.stride = stride ?? columns
    precondition(self.stride >= columns)
    arena = FloatArena(count: rows * self.stride + 2 * Self.margin)
    arena.floats.update(repeating: Self.canary)
  }

  /// Filled with `values`, rounded to Float.
  public convenience init(_ values: Matrix, stride: Int? = nil) {
    self.init(values.rows, values.columns, stride: stride)
    for row in 0..<rows {
      for column in 0..<columns { base[row * self.stride + column] = Float(values[row, column]) }
    }
  }

  public var base: UnsafeMutablePointer<Float> { arena.base + Self.margin }

  public subscript(row: Int, column: Int) -> Float {
    get { base[row * stride + column] }
    set { base[row * stride + column] = newValue }
  }

  /// Row-major, without the padding.
  public var values: [Float] {
    (0..<rows).flatMap { UnsafeBufferPointer(start: base + $0 * stride, count: columns) }
  }

  public var bits: [UInt32] { values.map(\.bitPattern) }

  /// Reports every element differing too much from the twin, see `expectClose`.
  public func expect(
    _ expected: Matrix, tolerance: Double, scale: Double? = nil, _ name: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    expectClose(
      values, expected, tolerance: tolerance, scale: scale, name, sourceLocation: sourceLocation)
  }

  /// Reports the first canary that was overwritten.
  /// - Parameter writable: columns of a row that the kernel may write, `columns` unless it works on whole vectors.
  public func expectUntouchedOutside(
    writable: Int? = nil, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let writable = writable ?? columns
    let whole = arena.floats
    for index in whole.indices where whole[index].bitPattern != Self.canary.bitPattern {
      let place = index - Self.margin
      let isInside = place >= 0 && place < rows * stride && place % stride < writable
      if !isInside {
        Issue.record(
          """
          \(name): float \(place) of \(rows) rows of \(columns), stride \(stride), must not be written \
          but holds \(whole[index])
          """, sourceLocation: sourceLocation)
        return
      }
    }
  }
}

extension FloatArena {
  /// A copy of all floats. `Array(arena.floats)` of an arena that nobody else holds reads freed memory.
  public var contents: [Float] { withExtendedLifetime(self) { Array(floats) } }
}
