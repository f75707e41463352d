// Token and position embedding, forward and backward.

/// x[t] = wte[token t] + wpe[firstPosition + t], rows of C = `columns` floats.
public func embed(
  _ tokens: UnsafePointer<Int32>, tokenTable: UnsafePointer<Float>, positionTable: UnsafePointer<Float>,
  into x: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int, firstPosition: Int = 0
) {
  for t in 0..<rows {
    addRows(
      tokenTable + Int(tokens[t]) * columns, positionTable + (firstPosition + t) * columns,
      into: x + t * stride, count: columns)
  }
}

/// Backward of x[t] = wte[token t] + wpe[t]: dwte[token t] += dx[t] and dwpe[t] += dx[t].
public func embedBackward(
  dx: UnsafePointer<Float>, _ tokens: UnsafePointer<Int32>, tokenGradient: UnsafeMutablePointer<Float>,
  positionGradient: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int
) {
  for t in 0..<rows {
    let token = tokenGradient + Int(tokens[t]) * columns
    let position = positionGradient + t * columns
    addRows(token, dx + t * stride, into: token, count: columns)
    addRows(position, dx + t * stride, into: position, count: columns)
  }
}

/// c = a + b; c may be a or b.
@inline(__always)
private func addRows(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, count: Int
) {
  var i = 0
  while i + laneCount <= count {
    c.store(a.lanes(i) + b.lanes(i), i)
    i += laneCount
  }
  while i < count {
    c[i] = a[i] + b[i]
    i += 1
  }
}
