// The same products through OpenBLAS: the twin that tests compare with, and the backend for CPUs without FMA.

import COpenBLAS

/// Which code multiplies matrices in the linear layers. Each is deterministic; their bits differ.
public enum MatrixBackend: String, CaseIterable, Sendable {
  /// Our own tiles on packed panels: the same bits on every CPU with FMA.
  case simd
  /// OpenBLAS: the same bits on CPUs for which it selects the same core.
  case openblas

  /// `simd` where the build's CPU has FMA, else `openblas`, which picks its kernels at run time.
  public static var automatic: MatrixBackend { targetHasFMA ? .simd : .openblas }

  /// Names the arithmetic that determines the bits: equal families give equal bits.
  public var kernelFamily: String {
    switch self {
    case .simd: targetHasFMA ? "simd-fma" : "simd-mul-add"
    case .openblas:
      "openblas-\(String(cString: openblas_get_corename()))-\(targetHasFMA ? "fma" : "mul-add")"
    }
  }
}

/// `0.3.21`
public var openBLASVersion: String {
  // `OpenBLAS 0.3.21 NO_AFFINITY Zen MAX_THREADS=128`
  let words = String(cString: openblas_get_config()).split(separator: " ")
  return words.first { $0.first?.isNumber == true }.map(String.init) ?? "unknown"
}

/// Limits OpenBLAS to one thread: ranks and their threads divide the work by sequence. Call once at start.
public func useSingleThreadedBLAS() { openblas_set_num_threads(1) }

/// C (rows × columns) = A·B, or C += A·B, all row-major; `a` or `b` may be transposed views (`rowStride` 1).
public func multiplyBLAS(
  _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Float>, stride: Int,
  rows: Int, depth: Int, columns: Int, accumulate: Bool
) {
  let (transposeA, aLeading) = layout(of: a, rows: rows, columns: depth)
  let (transposeB, bLeading) = layout(of: b, rows: depth, columns: columns)
  cblas_sgemm(
    CblasRowMajor, transposeA, transposeB, blasint(rows), blasint(columns), blasint(depth), 1,
    a.base, aLeading, b.base, bLeading, accumulate ? 1 : 0, c, blasint(stride))
}

/// How BLAS sees a view. It requires a leading dimension of a whole row even for a single row; given a
/// smaller one, it prints a line and leaves C untouched.
private func layout(of matrix: StridedMatrix, rows: Int, columns: Int) -> (CBLAS_TRANSPOSE, blasint) {
  if matrix.columnStride == 1 {
    precondition(rows == 1 || matrix.rowStride >= columns)
    return (CblasNoTrans, blasint(rows == 1 ? max(matrix.rowStride, columns) : matrix.rowStride))
  }
  precondition(matrix.rowStride == 1 && (columns == 1 || matrix.columnStride >= rows))
  return (CblasTrans, blasint(columns == 1 ? max(matrix.columnStride, rows) : matrix.columnStride))
}
