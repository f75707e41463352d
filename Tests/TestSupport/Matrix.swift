// The twins' only data type: a dense matrix of Double, and reproducible random numbers to fill it.
// Not fast, not strided: strides and padding are the business of GuardedMatrix.

/// `rows` × `columns` numbers, row-major, without padding.
public struct Matrix: Equatable, Sendable {
  public let rows: Int
  public let columns: Int
  public var values: [Double]

  public init(_ rows: Int, _ columns: Int, repeating value: Double = 0) {
    (self.rows, self.columns) = (rows, columns)
    values = [Double](repeating: value, count: rows * columns)
  }

  public init(_ rows: Int, _ columns: Int, _ values: [Double]) {
    precondition(values.count == rows * columns)
    (self.rows, self.columns, self.values) = (rows, columns, values)
  }

  /// Uniform in ±`scale`, each number exact in Float, so that kernel and twin start from the same.
  public init(_ rows: Int, _ columns: Int, random: inout TestRandom, scale: Double = 1) {
    self.init(rows, columns, (0..<rows * columns).map { _ in random.next(scale: scale) })
  }

  public subscript(row: Int, column: Int) -> Double {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  public var transposed: Matrix {
    var result = Matrix(columns, rows)
    for row in 0..<rows { for column in 0..<columns { result[column, row] = self[row, column] } }
    return result
  }

  /// The columns first..<first + count.
  public func columns(_ first: Int, _ count: Int) -> Matrix {
    var result = Matrix(rows, count)
    for row in 0..<rows { for column in 0..<count { result[row, column] = self[row, first + column] } }
    return result
  }

  /// Matrices of equal height side by side.
  public static func sideBySide(_ parts: [Matrix]) -> Matrix {
    var result = Matrix(parts.first?.rows ?? 0, parts.reduce(0) { $0 + $1.columns })
    var first = 0
    for part in parts {
      for row in 0..<part.rows {
        for column in 0..<part.columns { result[row, first + column] = part[row, column] }
      }
      first += part.columns
    }
    return result
  }

  public static func + (a: Matrix, b: Matrix) -> Matrix {
    precondition(a.rows == b.rows && a.columns == b.columns)
    return Matrix(a.rows, a.columns, zip(a.values, b.values).map { $0 + $1 })
  }

  /// Σ of the products of corresponding elements: turns an output into a number whose gradient is known.
  public func inner(_ other: Matrix) -> Double {
    precondition(rows == other.rows && columns == other.columns)
    return zip(values, other.values).reduce(0) { $0 + $1.0 * $1.1 }
  }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): a generator of the tests' own, so that they don't depend on the
/// one that they test.
public struct TestRandom: Sendable {
  private var state: UInt64
  public init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in ±`scale`, exact in Float.
  public mutating func next(scale: Double) -> Double {
    let unit = Double(Int64(bitPattern: next()) >> 11) * 0x1p-52
    return Double(Float(unit * scale))
  }

  /// Uniform in 0..<bound, with a bias that tests don't mind.
  public mutating func next(below bound: Int) -> Int { Int(next() % UInt64(bound)) }

  public mutating func tokens(_ count: Int, vocabulary: Int) -> [Int32] {
    (0..<count).map { _ in Int32(next(below: vocabulary)) }
  }
}
