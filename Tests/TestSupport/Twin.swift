// The naive twins of the kernels: plain loops in Double, written from the formulas and from nothing else.
// Not fast, not in place, no strides. Finite differences check their backward passes.

import Foundation
import Kernels

/// One function a kernel, under the kernel's name.
public enum Twin {
  /// A·B
  public static func multiply(_ a: Matrix, _ b: Matrix) -> Matrix {
    precondition(a.columns == b.rows)
    var c = Matrix(a.rows, b.columns)
    for row in 0..<a.rows {
      for column in 0..<b.columns {
        var sum = 0.0
        for k in 0..<a.columns { sum += a[row, k] * b[k, column] }
        c[row, column] = sum
      }
    }
    return c
  }

  /// What becomes of `old` when `product` is written with an epilogue.
  public static func finish(_ product: Matrix, over old: Matrix, _ epilogue: Epilogue) -> Matrix {
    var result = product
    for index in product.values.indices {
      let (sum, before) = (product.values[index], old.values[index])
      switch epilogue {
      case .store: result.values[index] = sum
      case .add: result.values[index] = before + sum
      case .relu: result.values[index] = sum > 0 ? sum : 0
      case .maskPositive: result.values[index] = before > 0 ? sum : 0
      }
    }
    return result
  }

  /// x[t] = wte[token t] + wpe[first + t]
  public static func embed(
    _ tokens: [Int32], tokenTable: Matrix, positionTable: Matrix, firstPosition: Int = 0
  ) -> Matrix {
    var x = Matrix(tokens.count, tokenTable.columns)
    for (t, token) in tokens.enumerated() {
      for c in 0..<x.columns { x[t, c] = tokenTable[Int(token), c] + positionTable[firstPosition + t, c] }
    }
    return x
  }

  /// Adds dx[t] to row `token t` of one table and row t of the other.
  public static func embedBackward(
    _ dx: Matrix, _ tokens: [Int32], tokenGradient: inout Matrix, positionGradient: inout Matrix
  ) {
    for (t, token) in tokens.enumerated() {
      for c in 0..<dx.columns {
        tokenGradient[Int(token), c] += dx[t, c]
        positionGradient[t, c] += dx[t, c]
      }
    }
  }

  /// y = x · s, s = (mean(x²) + 1e-5)^(-1/2) for each row.
  public static func rmsNorm(_ x: Matrix) -> (y: Matrix, scales: [Double]) {
    var y = x
    var scales: [Double] = []
    for row in 0..<x.rows {
      var sum = 0.0
      for c in 0..<x.columns { sum += x[row, c] * x[row, c] }
      let s = pow(sum / Double(x.columns) + 1e-5, -0.5)
      scales.append(s)
      for c in 0..<x.columns { y[row, c] = x[row, c] * s }
    }
    return (y, scales)
  }

  /// From x itself, by the product rule: dx = s·dy − x·(Σ dy·x)·s³/C.
  public static func rmsNormBackward(dy: Matrix, x: Matrix) -> Matrix {
    let scales = rmsNorm(x).scales
    var dx = dy
    for row in 0..<x.rows {
      let s = scales[row]
      var sum = 0.0
      for c in 0..<x.columns { sum += dy[row, c] * x[row, c] }
      for c in 0..<x.columns {
        dx[row, c] = s * dy[row, c] - x[row, c] * sum * s * s * s / Double(x.columns)
      }
    }
    return dx
  }

  /// −Σ log softmax(logits)[target], and its gradient times `gradientScale`.
  public static func crossEntropy(
    logits: Matrix, targets: [Int32], gradientScale: Double = 1
  ) -> (loss: Double, gradient: Matrix) {
    var loss = 0.0
    var gradient = logits
    for row in 0..<logits.rows {
      let p = softmax((0..<logits.columns).map { logits[row, $0] })
      let target = Int(targets[row])
      loss -= log(p[target])
      for c in 0..<logits.columns {
        gradient[row, c] = (p[c] - (c == target ? 1 : 0)) * gradientScale
      }
    }
    return (loss, gradient)
  }

  public static func softmax(_ x: [Double]) -> [Double] {
    let largest = x.max() ?? 0
    let e = x.map { exp($0 - largest) }
    let sum = e.reduce(0, +)
    return e.map { $0 / sum }
  }

  /// One weight's Adam state, updated as in Algorithm 1 of Kingma & Ba, decay as in Loshchilov & Hutter.
  public struct Adam {
    public var m = 0.0
    public var v = 0.0
    public var weight: Double
    public init(weight: Double) { self.weight = weight }

    public mutating func update(
      gradient g: Double, step: Int, learningRate: Double, beta1: Double, beta2: Double, epsilon: Double,
      weightDecay: Double
    ) {
      m = beta1 * m + (1 - beta1) * g
      v = beta2 * v + (1 - beta2) * g * g
      let mHat = m / (1 - pow(beta1, Double(step)))
      let vHat = v / (1 - pow(beta2, Double(step)))
      weight -= learningRate * (mHat / (vHat.squareRoot() + epsilon) + weightDecay * weight)
    }
  }
}
