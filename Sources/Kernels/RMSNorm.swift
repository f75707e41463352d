// Root-mean-square normalization without parameters, forward and backward
// (Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019).

public let rmsNormEpsilon: Float = 1e-5

/// Sum of a[i]·b[i] over i < count: 16 lanes, then `laneSum`, then the rest in order.
@inline(__always)
func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
  var sums = Lanes.zero
  var i = 0
  while i + laneCount <= count {
    sums.multiplyAdd(a.lanes(i), b.lanes(i))
    i += laneCount
  }
  var sum = sums.laneSum
  while i < count {
    sum += a[i] * b[i]
    i += 1
  }
  return sum
}

/// y = x · s with s = (mean(x²) + ε)^(-1/2), for each of `rows` rows of C = `columns` floats.
///
/// `scales` (rows) receives s, which the backward pass needs.
public func rmsNorm(
  _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, scales: UnsafeMutablePointer<Float>,
  rows: Int, columns: Int, stride: Int
) {
  for row in 0..<rows {
    let (x, y) = (x + row * stride, y + row * stride)
    let meanSquare = dot(x, x, count: columns) / Float(columns)
    let scale = 1 / (meanSquare + rmsNormEpsilon).squareRoot()
    scales[row] = scale
    var i = 0
    while i + laneCount <= columns {
      y.store(x.lanes(i) * scale, i)
      i += laneCount
    }
    while i < columns {
      y[i] = x[i] * scale
      i += 1
    }
  }
}

/// Backward of y = x · s: dx += s · (dy − y · mean(dy · y)).
///
/// Needs y and s only, not x: substitute x = y / s. `dx` accumulates because x also feeds the residual path.
public func rmsNormBackward(
  dy: UnsafePointer<Float>, y: UnsafePointer<Float>, scales: UnsafePointer<Float>,
  addingInto dx: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int
) {
  for row in 0..<rows {
    let (dy, y, dx) = (dy + row * stride, y + row * stride, dx + row * stride)
    let scale = scales[row]
    let mean = dot(dy, y, count: columns) / Float(columns)
    var i = 0
    while i + laneCount <= columns {
      dx.store(dx.lanes(i) + (dy.lanes(i) - y.lanes(i) * mean) * scale, i)
      i += laneCount
    }
    while i < columns {
      dx[i] += (dy[i] - y[i] * mean) * scale
      i += 1
    }
  }
}
