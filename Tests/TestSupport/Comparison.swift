// A Float kernel against its Double twin, and a twin's backward pass against central differences.
// Reports name the tensor, the index and both values, at the caller's line.

import Testing

/// Expects |actual − expected| ≤ tolerance · scale for every element; a NaN is never close.
///
/// - Parameters:
///   - scale: the size of the numbers that went into the sums; the largest |expected| unless given.
/// - Returns: the largest |actual − expected| / scale.
@discardableResult
public func expectClose(
  _ actual: [Float], _ expected: Matrix, tolerance: Double, scale: Double? = nil, _ name: String,
  sourceLocation: SourceLocation = #_sourceLocation
) -> Double {
  expectClose(
    actual.map(Double.init), expected, tolerance: tolerance, scale: scale, name,
    sourceLocation: sourceLocation)
}

/// The same for two computations in Double.
@discardableResult
public func expectClose(
  _ actual: [Double], _ expected: Matrix, tolerance: Double, scale: Double? = nil, _ name: String,
  sourceLocation: SourceLocation = #_sourceLocation
) -> Double {
  guard actual.count == expected.values.count else {
    Issue.record(
      "\(name): \(actual.count) elements, expected \(expected.rows) × \(expected.columns)",
      sourceLocation: sourceLocation)
    return .infinity
  }
  let scale = scale ?? expected.values.reduce(0) { max($0, abs($1)) }
  var worst = 0.0
  var worstIndex: Int?
  for index in actual.indices {
    let error = abs(actual[index] - expected.values[index])
    // Written so that a NaN counts as far away.
    if !(error <= worst) {
      worst = error.isNaN ? .infinity : error
      worstIndex = index
      if worst == .infinity { break }
    }
  }
  if let index = worstIndex, !(worst <= tolerance * scale) {
    let (row, column) = (index / expected.columns, index % expected.columns)
    Issue.record(
      """
      \(name)[\(row), \(column)] is \(actual[index]), expected \(expected.values[index]): \
      off by \(worst / scale) of the scale \(scale), allowed is \(tolerance)
      """, sourceLocation: sourceLocation)
  }
  return worst == 0 ? 0 : worst / scale
}

/// Expects two results to have the same bits and names the first element that differs.
public func expectSameBits(
  _ actual: [Float], _ expected: [Float], _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.count == expected.count else {
    Issue.record(
      "\(name): \(actual.count) elements, expected \(expected.count)", sourceLocation: sourceLocation)
    return
  }
  for index in actual.indices where actual[index].bitPattern != expected[index].bitPattern {
    Issue.record(
      "\(name)[\(index)] is \(actual[index]), expected the bits of \(expected[index])",
      sourceLocation: sourceLocation)
    return
  }
}

/// Expects `gradient` to be the derivative of `function` at `point`, element by element, by central
/// differences in Double.
///
/// The difference's own error is about step² and 1e-16/step: 1e-10 at the default step.
public func expectGradient(
  _ gradient: Matrix, of function: (Matrix) -> Double, at point: Matrix, step: Double = 1e-5,
  tolerance: Double = 1e-8, scale: Double? = nil, _ name: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  var moved = point
  var differences = Matrix(point.rows, point.columns)
  for index in point.values.indices {
    moved.values[index] = point.values[index] + step
    let above = function(moved)
    moved.values[index] = point.values[index] - step
    let below = function(moved)
    moved.values[index] = point.values[index]
    differences.values[index] = (above - below) / (2 * step)
  }
  expectClose(
    gradient.values, differences, tolerance: tolerance, scale: scale, "\(name) against differences",
    sourceLocation: sourceLocation)
}
