// A linear layer y = x·W without bias: its weights, prepared once per step for both directions, and its three
// products. One interface, two backends (MatrixBackend).

/// The prepared weights of one linear layer: W is inputs (K) × outputs (N), possibly several tensors side by
/// side (the query, key and value projections are one layer here and three tensors in the checkpoint).
public final class Linear: @unchecked Sendable {
  /// One tensor of W: K × `columns`, row-major, at `offset` in the weight arena.
  public struct Part: Sendable {
    let offset: Int
    let columns: Int
    public init(offset: Int, columns: Int) {
      self.offset = offset
      self.columns = columns
    }
  }

  public let inputs: Int
  public let outputs: Int
  private let parts: [Part]
  private let backend: MatrixBackend
  /// Panels of W for y = x·W; for OpenBLAS, W itself, row-major.
  private let forwardPanels: UnsafeMutablePointer<Float>
  /// Panels of Wᵀ for dx = dy·Wᵀ; nil for OpenBLAS (which reads W transposed) and for inference.
  private let backwardPanels: UnsafeMutablePointer<Float>?

  /// Panel memory that a layer needs, in floats.
  public static func panelCount(
    inputs: Int, outputs: Int, backend: MatrixBackend, isTraining: Bool
  ) -> Int {
    switch backend {
    case .simd:
      packedCount(depth: inputs, columns: outputs)
        + (isTraining ? packedCount(depth: outputs, columns: inputs) : 0)
    case .openblas: inputs * outputs
    }
  }

  /// - Parameter panels: `panelCount` floats, zero, owned by the caller. One arena for all layers keeps the
  ///   weights of a model together in memory.
  public init(
    inputs: Int, parts: [Part], backend: MatrixBackend, isTraining: Bool,
    panels: UnsafeMutablePointer<Float>
  ) {
    self.inputs = inputs
    self.parts = parts
    self.backend = backend
    outputs = parts.reduce(0) { $0 + $1.columns }
    forwardPanels = panels
    backwardPanels =
      isTraining && backend == .simd ? panels + packedCount(depth: inputs, columns: outputs) : nil
  }

  /// Packs the current weights. Must run before the products of a step.
  public func prepare(from weights: UnsafePointer<Float>) {
    var column = 0
    for part in parts {
      let w = StridedMatrix(weights + part.offset, rowStride: part.columns)
      switch backend {
      case .simd:
        pack(w, depth: inputs, columns: part.columns, into: forwardPanels, firstColumn: column)
        if let backwardPanels {
          // Row `column` of every panel of Wᵀ is where this part begins.
          pack(
            w.transposed, depth: part.columns, columns: inputs,
            into: backwardPanels + column * panelWidth, panelDepth: outputs)
        }
      case .openblas:
        for row in 0..<inputs {
          (forwardPanels + row * outputs + column)
            .update(from: w.base + row * part.columns, count: part.columns)
        }
      }
      column += part.columns
    }
  }

  /// y (rows × N) = epilogue(x (rows × K) · W)
  public func forward(
    _ x: UnsafePointer<Float>, stride xStride: Int, into y: UnsafeMutablePointer<Float>, stride yStride: Int,
    rows: Int, _ epilogue: Epilogue = .store
  ) {
    let a = StridedMatrix(x, rowStride: xStride)
    switch backend {
    case .simd where rows == 1:
      multiplyRow(x, forwardPanels, into: y, depth: inputs, columns: outputs, epilogue)
    case .simd:
      multiply(
        a, PanelMatrix(packed: forwardPanels, depth: inputs), into: y, stride: yStride, rows: rows,
        depth: inputs, columns: outputs, epilogue)
    case .openblas:
      let b = StridedMatrix(forwardPanels, rowStride: outputs)
      multiplyBLAS(
        a, b, into: y, stride: yStride, rows: rows, depth: inputs, columns: outputs, epilogue: epilogue)
    }
  }

  /// Bytes of W above which a row's product takes longer to read them than other threads to wake: see `forwardRow`.
  private static let worthSharing = 1 << 20

  /// Whether the product of one row is worth several threads.
  public var isWorthSharing: Bool {
    backend == .simd && inputs * outputs * MemoryLayout<Float>.size >= Self.worthSharing
  }

  /// Part `part` of `parts` of y (N) = epilogue(x (K) · W): some of its columns, with the bits of the whole.
  public func forwardRow(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, part: Int, of parts: Int,
    _ epilogue: Epilogue = .store
  ) {
    precondition(backend == .simd)
    // In widths that the kernel takes at once.
    let width = 4 * panelWidth
    let count = (outputs + width - 1) / width
    let first = count * part / parts * width
    let end = min(count * (part + 1) / parts * width, outputs)
    guard end > first else { return }
    multiplyRow(
      x, forwardPanels + first * inputs, into: y + first, depth: inputs, columns: end - first, epilogue)
  }

  /// dx (rows × K) = epilogue(dy (rows × N) · Wᵀ), the backward pass of y = x·W with respect to x.
  public func backwardInput(
    _ dy: UnsafePointer<Float>, stride dyStride: Int, into dx: UnsafeMutablePointer<Float>,
    stride dxStride: Int, rows: Int, _ epilogue: Epilogue = .store
  ) {
    let a = StridedMatrix(dy, rowStride: dyStride)
    switch backend {
    case .simd:
      guard let backwardPanels else { preconditionFailure("prepared for inference only") }
      multiply(
        a, PanelMatrix(packed: backwardPanels, depth: outputs), into: dx, stride: dxStride, rows: rows,
        depth: outputs, columns: inputs, epilogue)
    case .openblas:
      let b = StridedMatrix(forwardPanels, rowStride: outputs).transposed
      multiplyBLAS(
        a, b, into: dx, stride: dxStride, rows: rows, depth: outputs, columns: inputs, epilogue: epilogue)
    }
  }

  /// dW (K × N) = or += xᵀ (K × rows) · dy (rows × N), the backward pass of y = x·W with respect to W,
  /// written to its tensors in the gradient arena.
  public func backwardWeights(
    _ x: UnsafePointer<Float>, stride xStride: Int, _ dy: UnsafePointer<Float>, stride dyStride: Int,
    into gradient: UnsafeMutablePointer<Float>, rows: Int, accumulate: Bool
  ) {
    let a = StridedMatrix(x, rowStride: xStride).transposed
    var column = 0
    for part in parts {
      let dW = gradient + part.offset
      switch backend {
      case .simd:
        multiply(
          a, PanelMatrix(rows: dy + column, stride: dyStride), into: dW, stride: part.columns, rows: inputs,
          depth: rows, columns: part.columns, accumulate ? .add : .store)
      case .openblas:
        multiplyBLAS(
          a, StridedMatrix(dy + column, rowStride: dyStride), into: dW, stride: part.columns, rows: inputs,
          depth: rows, columns: part.columns, accumulate: accumulate)
      }
      column += part.columns
    }
  }
}

/// OpenBLAS has no epilogues: here they are separate passes with the same meaning.
private func multiplyBLAS(
  _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Float>, stride: Int,
  rows: Int, depth: Int, columns: Int, epilogue: Epilogue
) {
  func product(into c: UnsafeMutablePointer<Float>, stride: Int, accumulate: Bool) {
    multiplyBLAS(
      a, b, into: c, stride: stride, rows: rows, depth: depth, columns: columns, accumulate: accumulate)
  }
  switch epilogue {
  case .store: product(into: c, stride: stride, accumulate: false)
  case .add: product(into: c, stride: stride, accumulate: true)
  case .relu:
    product(into: c, stride: stride, accumulate: false)
    for row in 0..<rows {
      for column in 0..<columns { c[row * stride + column] = max(c[row * stride + column], 0) }
    }
  case .maskPositive:
    withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * columns) { sums in
      guard let base = sums.baseAddress else { return }
      product(into: base, stride: columns, accumulate: false)
      for row in 0..<rows {
        for column in 0..<columns where !(c[row * stride + column] > 0) { base[row * columns + column] = 0 }
        (c + row * stride).update(from: base + row * columns, count: columns)
      }
    }
  }
}
