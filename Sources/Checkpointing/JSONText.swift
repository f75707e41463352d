// Just enough JSON to print a report: ordered keys, shortest exact numbers.

indirect enum JSONText {
  case object([(String, JSONText)])
  case array([JSONText])
  case string(String)
  case integer(Int)
  /// JSON has no NaN and no infinity: they become null.
  case real(Double)
  case boolean(Bool)

  var text: String {
    switch self {
    case .object(let members):
      "{" + members.map { Self.quoted($0.0) + ": " + $0.1.text }.joined(separator: ", ") + "}"
    case .array(let elements): "[" + elements.map(\.text).joined(separator: ", ") + "]"
    case .string(let text): Self.quoted(text)
    case .integer(let value): String(value)
    case .real(let value): value.isFinite ? "\(value)" : "null"
    case .boolean(let value): value ? "true" : "false"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}

extension JSONText {
  init(_ value: CheckpointValue) {
    switch value {
    case .integer(let value): self = .integer(value)
    case .integers(let values): self = .array(values.map { .integer($0) })
    // JSON readers hold 53 bits: 64 need text.
    case .unsignedIntegers(let values): self = .array(values.map { .string(String($0)) })
    case .real(let value): self = .real(value)
    case .floats(let values): self = .array(values.map { .real(Double($0)) })
    case .string(let text): self = .string(text)
    case .strings(let texts): self = .array(texts.map { .string($0) })
    }
  }
}
