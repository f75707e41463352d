// Elementwise sums of flat float buffers at memory speed. The caller decides the order of additions: each
// result element is exactly one rounded addition of `left` and `right`, in that order.

enum VectorSum {
  private typealias Vector = SIMD16<Float>
  private static let stride = MemoryLayout<Vector>.stride

  /// left[i] = left[i] + right[i] for `count` floats that do not overlap.
  static func add(
    _ right: UnsafePointer<Float>, into left: UnsafeMutablePointer<Float>, count: Int
  ) {
    add(left, right, into: left, count: count)
  }

  /// result[i] = left[i] + right[i] for `count` floats; `result` may be `left`.
  static func add(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>,
    into result: UnsafeMutablePointer<Float>, count: Int
  ) {
    let rawLeft = UnsafeRawPointer(left)
    let rawRight = UnsafeRawPointer(right)
    let rawResult = UnsafeMutableRawPointer(result)
    let vectorEnd = count / 16 * stride
    var offset = 0
    while offset < vectorEnd {
      let sum =
        rawLeft.loadUnaligned(fromByteOffset: offset, as: Vector.self)
        + rawRight.loadUnaligned(fromByteOffset: offset, as: Vector.self)
      rawResult.storeBytes(of: sum, toByteOffset: offset, as: Vector.self)
      offset += stride
    }
    for index in (count / 16 * 16)..<count { result[index] = left[index] + right[index] }
  }
}
