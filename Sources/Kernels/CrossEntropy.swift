// Softmax cross-entropy over the vocabulary, loss and gradient in one pass over the logits.

import Foundation

/// Sum over rows of −log softmax(logits)[target], in nats; a plain sum, not a mean. `stride` is at least V
/// rounded up to a multiple of 16.
///
/// The logits (rows × V = `columns`) are overwritten: with a `gradientScale` by their gradient,
/// dlogits = (softmax(logits) − onehot(target)) · gradientScale.
public func crossEntropy(
  logits: UnsafeMutablePointer<Float>, targets: UnsafePointer<Int32>, rows: Int, columns: Int, stride: Int,
  gradientScale: Float?
) -> Double {
  var loss = 0.0
  for row in 0..<rows {
    let logits = logits + row * stride
    let target = Int(targets[row])
    let targetLogit = logits[target]
    let largest = maximum(logits, count: columns)
    let sum = exponentials(of: logits, minus: largest, into: logits, count: columns)
    loss += log(Double(sum)) - Double(targetLogit - largest)
    if let gradientScale {
      scale(logits, by: gradientScale / sum, count: columns)
      logits[target] -= gradientScale
    }
  }
  return loss
}

/// The largest of `count` > 0 floats. Reads whole vectors, so memory must be readable up to a multiple of 16.
@inline(__always)
func maximum(_ x: UnsafePointer<Float>, count: Int) -> Float {
  var largest = Lanes(repeating: -.infinity)
  var i = 0
  while i + laneCount <= count {
    largest = largest.maximum(x.lanes(i))
    i += laneCount
  }
  if i < count {
    largest = largest.maximum(x.lanes(i).keeping(first: count - i, else: Lanes(repeating: -.infinity)))
  }
  return largest.laneMaximum
}

/// y[i] = e^((x[i] − offset)·factor) for i < count, 0 up to the next multiple of 16, and their sum. y may be
/// x. Reads and writes whole vectors.
///
/// Keeps one partial sum per lane, so appending terms that vanish does not change the sum.
@inline(__always)
func exponentials(
  of x: UnsafePointer<Float>, minus offset: Float, times factor: Float = 1,
  into y: UnsafeMutablePointer<Float>, count: Int
) -> Float {
  var sums = Lanes.zero
  var i = 0
  while i < count {
    var value = ((x.lanes(i) - offset) * factor).exponential
    if i + laneCount > count { value = value.keeping(first: count - i, else: .zero) }
    y.store(value, i)
    sums += value
    i += laneCount
  }
  return sums.laneSum
}

/// x[i] *= factor for i < count rounded up to a multiple of 16.
@inline(__always)
func scale(_ x: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
  for i in Swift.stride(from: 0, to: count, by: laneCount) { x.store(x.lanes(i) * factor, i) }
}

/// weights[i] = e^((logits[i] − max)/temperature), not normalized, for i < count; their sum.
/// Both buffers must be accessible up to a multiple of 16 floats.
public func softmaxWeights(
  _ logits: UnsafePointer<Float>, temperature: Float, into weights: UnsafeMutablePointer<Float>, count: Int
) -> Float {
  let largest = maximum(logits, count: count)
  return exponentials(of: logits, minus: largest, times: 1 / temperature, into: weights, count: count)
}
