// One value of a training as files and messages hold it: everything except the tensors.

import Platform

/// A dataset in a checkpoint that is not a tensor.
public enum StateValue: Equatable, Sendable {
  case integer(Int)
  case integers([Int])
  case unsignedIntegers([UInt64])
  case real(Double)
  case floats([Float])
  case string(String)
  case strings([String])

  public enum Kind: UInt8, Sendable {
    case integer, integers, unsignedIntegers, real, floats, string, strings
  }

  public var kind: Kind {
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

  /// JLD2 reads no empty arrays and no empty strings: such values are omitted from a file.
  public var isEmpty: Bool {
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

extension JSONText {
  public init(_ value: StateValue) {
    switch value {
    case .integer(let value): self = .integer(value)
    case .integers(let values): self = .array(values.map { .integer($0) })
    // JSON readers keep 53 bits: 64 need text.
    case .unsignedIntegers(let values): self = .array(values.map { .string(String($0)) })
    case .real(let value): self = .real(value)
    case .floats(let values): self = .array(values.map { .real(Double($0)) })
    case .string(let text): self = .string(text)
    case .strings(let texts): self = .array(texts.map { .string($0) })
    }
  }
}
