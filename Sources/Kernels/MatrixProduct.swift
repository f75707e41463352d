// C = A·B over whole matrices, tile by tile, and the two views that say how A and B lie in memory.
// Not a BLAS: float only, B in panels of 32 columns, one thread (callers divide work by sequence).

import CTargetFeatures

/// A read-only matrix whose element (row, column) is `base[row·rowStride + column·columnStride]`. Swapping
/// the strides transposes it.
public struct StridedMatrix {
  public let base: UnsafePointer<Float>
  public let rowStride: Int
  public let columnStride: Int

  public init(_ base: UnsafePointer<Float>, rowStride: Int, columnStride: Int = 1) {
    self.base = base
    self.rowStride = rowStride
    self.columnStride = columnStride
  }

  public var transposed: StridedMatrix {
    StridedMatrix(base, rowStride: columnStride, columnStride: rowStride)
  }
}

/// A read-only depth × columns matrix in panels of 32 columns: row k of panel p begins at
/// `base[p·panelStride + k·rowStride]`. Every panel must be readable to its full width.
public struct PanelMatrix {
  public let base: UnsafePointer<Float>
  public let panelStride: Int
  public let rowStride: Int

  /// Packed panels: each one contiguous, `depth` rows of 32.
  public init(packed base: UnsafePointer<Float>, depth: Int) {
    self.base = base
    panelStride = depth * panelWidth
    rowStride = panelWidth
  }

  /// One panel, starting at any of its columns.
  init(panel base: UnsafePointer<Float>, rowStride: Int) {
    self.base = base
    panelStride = 0
    self.rowStride = rowStride
  }

  /// A row-major matrix, unpacked. Memory past the last row must be readable up to a whole panel.
  public init(rows base: UnsafePointer<Float>, stride: Int) {
    self.base = base
    panelStride = panelWidth
    rowStride = stride
  }
}

/// C (rows × columns, rows `cStride` apart) = or += A (rows × depth) · B (depth × columns).
public func multiply(
  _ a: StridedMatrix, _ b: PanelMatrix, into c: UnsafeMutablePointer<Float>, stride cStride: Int,
  rows: Int, depth: Int, columns: Int, _ epilogue: Epilogue = .store
) {
  guard target_has_avx512() else {
    return multiplyNarrow(
      a, b, into: c, stride: cStride, rows: rows, depth: depth, columns: columns, epilogue)
  }
  var column = 0
  var panel = b.base
  while column < columns {
    let width = min(panelWidth, columns - column)
    var row = 0
    while rows - row >= 12 {
      tile12(
        depth: depth, a: a.base + row * a.rowStride, aRowStride: a.rowStride, aColumnStride: a.columnStride,
        b: panel, bStride: b.rowStride, c: c + row * cStride + column, cStride: cStride, columns: width,
        epilogue)
      row += 12
    }
    if rows - row >= 8 {
      tile8(
        depth: depth, a: a.base + row * a.rowStride, aRowStride: a.rowStride, aColumnStride: a.columnStride,
        b: panel, bStride: b.rowStride, c: c + row * cStride + column, cStride: cStride, columns: width,
        epilogue)
      row += 8
    }
    while row < rows {
      let height = min(4, rows - row)
      tile4(
        rows: height, depth: depth, a: a.base + row * a.rowStride, aRowStride: a.rowStride,
        aColumnStride: a.columnStride, b: panel, bStride: b.rowStride, c: c + row * cStride + column,
        cStride: cStride, columns: width, epilogue)
      row += height
    }
    column += panelWidth
    panel += b.panelStride
  }
}

/// Floats in the packed panels of a depth × columns matrix.
public func packedCount(depth: Int, columns: Int) -> Int {
  (columns + panelWidth - 1) / panelWidth * panelWidth * depth
}

/// Packs `matrix` (depth × columns) into columns `firstColumn`… of the panels at `destination`. Columns that
/// pad the last panel are not written: the destination must already be zero there.
public func pack(
  _ matrix: StridedMatrix, depth: Int, columns: Int, into destination: UnsafeMutablePointer<Float>,
  firstColumn: Int = 0, panelDepth: Int? = nil
) {
  let panelSize = (panelDepth ?? depth) * panelWidth
  var column = 0
  while column < columns {
    let target = firstColumn + column
    let (panel, lane) = (target / panelWidth, target % panelWidth)
    let width = min(panelWidth - lane, columns - column)
    packPanel(
      StridedMatrix(
        matrix.base + column * matrix.columnStride, rowStride: matrix.rowStride,
        columnStride: matrix.columnStride),
      depth: depth, width: width, into: destination + panel * panelSize + lane)
    column += width
  }
}

private func packPanel(
  _ matrix: StridedMatrix, depth: Int, width: Int, into panel: UnsafeMutablePointer<Float>
) {
  if matrix.columnStride == 1 {
    for k in 0..<depth {
      let (source, target) = (matrix.base + k * matrix.rowStride, panel + k * panelWidth)
      if width == panelWidth {
        target.store(source.lanes())
        target.store(source.lanes(laneCount), laneCount)
      } else {
        for column in 0..<width { target[column] = source[column] }
      }
    }
  } else {
    packTransposed(matrix, depth: depth, width: width, into: panel)
  }
}
