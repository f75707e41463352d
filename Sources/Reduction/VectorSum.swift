// Elementwise sums of flat float buffers at memory speed. The caller decides the order of additions: each
// result element is exactly one rounded addition of `left` and `right`, in that order.

public enum VectorSum {
  private typealias Vector = SIMD16<Float>
  private static let stride = MemoryLayout<Vector>.stride

  /// result[i] = left[i] + right[i] for `count` floats; `result` may be `left`.
  public static func add(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>,
    count: Int, _ precision: ReductionPrecision
  ) {
    switch precision {
    case .float32: add(left, right, into: result, count: count) { $0 }
    case .bfloat16: add(left, right, into: result, count: count) { BFloat16.rounded($0) }
    }
  }

  @inline(__always)
  private static func add(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>,
    count: Int, rounding: (Vector) -> Vector
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
      rawResult.storeBytes(of: rounding(sum), toByteOffset: offset, as: Vector.self)
      offset += stride
    }
    for index in (count / 16 * 16)..<count {
      result[index] = rounding(Vector(repeating: left[index] + right[index]))[0]
    }
  }
}
