// The norm of a gradient, and the scan for elements that are not finite.

/// Σ x[i]² over `count` floats in Double, folded in a fixed order; not finite if any element is not.
public func sumOfSquares(_ x: UnsafePointer<Float>, count: Int) -> Double {
  var total = 0.0
  var first = 0
  while first < count {
    // Short runs in float keep the rounding error small; the total is kept in Double.
    let run = min(1024, count - first)
    total += Double(dot(x + first, x + first, count: run))
    first += run
  }
  return total
}

/// Index of the first element that is NaN or infinite.
public func firstNonFinite(_ x: UnsafePointer<Float>, count: Int) -> Int? {
  for i in 0..<count where !x[i].isFinite { return i }
  return nil
}
