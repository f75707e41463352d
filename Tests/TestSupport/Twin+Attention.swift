// The naive twin of causal multi-head attention: the whole T × T matrix of probabilities, head by head.

extension Twin {
  /// Row t, key s ≤ t: softmax over s of Q[t]·K[s]/√D; 0 for s > t.
  public static func attentionProbabilities(q: Matrix, k: Matrix) -> Matrix {
    let (T, D) = (q.rows, q.columns)
    var p = Matrix(T, T)
    for t in 0..<T {
      let scores = (0...t).map { s in
        (0..<D).reduce(0.0) { $0 + q[t, $1] * k[s, $1] } / Double(D).squareRoot()
      }
      for (s, probability) in softmax(scores).enumerated() { p[t, s] = probability }
    }
    return p
  }

  /// output (T × C) of `qkv` (T × 3C: query, key and value side by side, each with its heads side by side).
  public static func attention(_ qkv: Matrix, heads: Int) -> Matrix {
    let C = qkv.columns / 3
    let D = C / heads
    return .sideBySide(
      (0..<heads).map { head in
        let p = attentionProbabilities(q: qkv.columns(head * D, D), k: qkv.columns(C + head * D, D))
        return multiply(p, qkv.columns(2 * C + head * D, D))
      })
  }

  /// dqkv (T × 3C) from dOutput (T × C), through the explicit Jacobian of softmax:
  /// dZ[t,s] = Σ_r dP[t,r]·P[t,r]·([r = s] − P[t,s]).
  public static func attentionBackward(_ dOutput: Matrix, qkv: Matrix, heads: Int) -> Matrix {
    let (T, C) = (qkv.rows, qkv.columns / 3)
    let D = C / heads
    var dq: [Matrix] = []
    var dk: [Matrix] = []
    var dv: [Matrix] = []
    for head in 0..<heads {
      let (q, k) = (qkv.columns(head * D, D), qkv.columns(C + head * D, D))
      let v = qkv.columns(2 * C + head * D, D)
      let p = attentionProbabilities(q: q, k: k)
      let dO = dOutput.columns(head * D, D)
      let dP = multiply(dO, v.transposed)
      var dZ = Matrix(T, T)
      for t in 0..<T {
        for s in 0...t {
          var sum = 0.0
          for r in 0...t { sum += dP[t, r] * p[t, r] * ((r == s ? 1 : 0) - p[t, s]) }
          dZ[t, s] = sum / Double(D).squareRoot()
        }
      }
      dq.append(multiply(dZ, k))
      dk.append(multiply(dZ.transposed, q))
      dv.append(multiply(p.transposed, dO))
    }
    return .sideBySide(dq + dk + dv)
  }
}
