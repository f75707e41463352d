// The same products through OpenBLAS: the reference twin, and the backend of CPUs without FMA.

import COpenBLAS

/// Which code multiplies matrices in the linear layers. Each is deterministic; their bits differ.
public enum MatrixBackend: String, CaseIterable, Sendable {
  /// Own tiles on packed panels: the same bits on every CPU with FMA.
  case simd
  /// OpenBLAS: the same bits on CPUs for which it selects the same core.
  case openblas

  /// `simd` where the build's CPU has FMA, else `openblas`, which finds the best it can at run time.
  public static var automatic: MatrixBackend { targetHasFMA ? .simd : .openblas }

  /// Names the arithmetic that decides the bits: equal families give equal bits.
  public var kernelFamily: String {
    switch self {
    case .simd: targetHasFMA ? "simd-fma" : "simd-mul-add"
    case .openblas:
      "openblas-\(String(cString: openblas_get_corename()))-\(targetHasFMA ? "fma" : "mul-add")"
    }
  }
}

/// One thread in OpenBLAS: ranks and their threads divide the work by sequence. Call once at start.
public func useSingleThreadedBLAS() { openblas_set_num_threads(1) }

/// C (rows × columns) = A·B, or C += A·B, all row-major; `a` or `b` may be transposed views
/// (`rowStride` 1).
public func multiplyBLAS(
  _ a: StridedMatrix, _ b: StridedMatrix, into c: UnsafeMutablePointer<Float>, stride: Int,
  rows: Int, depth: Int, columns: Int, accumulate: Bool
) {
  let transposeA = a.columnStride != 1
  let transposeB = b.columnStride != 1
  precondition(!transposeA || a.rowStride == 1)
  precondition(!transposeB || b.rowStride == 1)
  cblas_sgemm(
    CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
    blasint(rows), blasint(columns), blasint(depth), 1,
    a.base, blasint(transposeA ? a.columnStride : a.rowStride),
    b.base, blasint(transposeB ? b.columnStride : b.rowStride),
    accumulate ? 1 : 0, c, blasint(stride))
}
