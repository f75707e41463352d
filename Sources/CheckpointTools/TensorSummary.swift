// What a person wants to know about the numbers of one tensor.

import Checkpointing
import Glibc
import Platform

struct TensorSummary {
  let path: String
  let rows: Int
  let columns: Int
  let minimum: Double
  let maximum: Double
  let mean: Double
  /// Of the population: divides by the count.
  let standardDeviation: Double
  /// Elements in each of the equal intervals from minimum to maximum.
  let histogram: [Int]

  static let binCount = 16

  init(_ tensor: CheckpointTensor) {
    path = tensor.path
    (rows, columns) = (tensor.rows, tensor.columns)
    let floats = UnsafeBufferPointer(start: tensor.base, count: tensor.count)
    var (low, high, sum, squares) = (Double.infinity, -Double.infinity, 0.0, 0.0)
    for float in floats {
      let value = Double(float)
      low = min(low, value)
      high = max(high, value)
      sum += value
    }
    let mean = sum / Double(floats.count)
    let scale = high > low ? Double(Self.binCount) / (high - low) : 0
    var bins = [Int](repeating: 0, count: Self.binCount)
    for float in floats {
      let value = Double(float)
      squares += (value - mean) * (value - mean)
      bins[min(Self.binCount - 1, Int((value - low) * scale))] += 1
    }
    (minimum, maximum, self.mean) = (low, high, mean)
    standardDeviation = (squares / Double(floats.count)).squareRoot()
    histogram = bins
  }

  /// One bar per bin, the highest for the fullest; empty bins are blank.
  var bars: String {
    let glyphs: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    let fullest = max(1, histogram.max() ?? 1)
    return String(histogram.map { $0 == 0 ? " " : glyphs[($0 * 8 - 1) / fullest] })
  }

  var json: JSONText {
    .object([
      ("path", .string(path)), ("shape", .array([.integer(rows), .integer(columns)])),
      ("min", .real(minimum)), ("max", .real(maximum)), ("mean", .real(mean)),
      ("std", .real(standardDeviation)), ("histogram", .array(histogram.map { .integer($0) })),
    ])
  }
}

/// Text in columns: the first left-aligned, the others right-aligned.
func aligned(_ rows: [[String]]) -> [String] {
  let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
  return rows.map { row in
    var line = ""
    for (column, cell) in row.enumerated() {
      let padding = String(repeating: " ", count: widths[column] - cell.count)
      line += column == 0 ? cell + padding : "  " + padding + cell
    }
    return line
  }
}

/// Four significant digits.
func short(_ value: Double) -> String {
  guard value != 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
  let exponent = Int(floor(log10(abs(value))))
  let power = pow(10, Double(abs(3 - exponent)))
  return exponent <= 3 ? "\((value * power).rounded() / power)" : "\((value / power).rounded() * power)"
}
