// The small values of a checkpoint: what a dataset can be besides a weight tensor.

/// One dataset that is not a tensor of the model.
enum CheckpointValue: Equatable {
  case integer(Int)
  case integers([Int])
  case unsignedIntegers([UInt64])
  case real(Double)
  case floats([Float])
  case string(String)
  case strings([String])

  enum Kind: UInt8 {
    case integer, integers, unsignedIntegers, real, floats, string, strings
  }

  var kind: Kind {
    switch self {
    case .integer: .integer
    case .integers: .integers
    case .unsignedIntegers: .unsignedIntegers
    case .real: .real
    case .floats: .floats
    case .string: .string
    case .strings: .strings
    }
  }

  /// JLD2 reads no empty arrays and no empty strings: such values are left out of a file.
  var isEmpty: Bool {
    switch self {
    case .integer, .real: false
    case .integers(let values): values.isEmpty
    case .unsignedIntegers(let values): values.isEmpty
    case .floats(let values): values.isEmpty
    case .string(let value): value.isEmpty
    case .strings(let values): values.isEmpty
    }
  }
}

/// A tensor in an arena and its place in the file. The memory belongs to the snapshot it was taken from.
struct CheckpointTensor {
  /// From the root, for example `optimizer/m/blocks/1/attn_wq/weight`.
  let path: String
  let rows: Int
  let columns: Int
  let base: UnsafeMutablePointer<Float>
  var count: Int { rows * columns }
  var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(start: base, count: count))
  }
}
