// Just enough JSON to write reports and metrics: ordered keys, shortest exact numbers.

public indirect enum JSONText: Sendable {
  case object([(String, JSONText)])
  case array([JSONText])
  case string(String)
  case integer(Int)
  /// JSON has no NaN or infinity: they become null.
  case real(Double)
  case boolean(Bool)

  /// Numbers read back as the same bits.
  public var text: String { text(colon: ": ", comma: ", ") }

  /// Without spaces, for one line of a file.
  public var compactText: String { text(colon: ":", comma: ",") }

  private func text(colon: String, comma: String) -> String {
    switch self {
    case .object(let members):
      "{"
        + members.map { Self.quoted($0.0) + colon + $0.1.text(colon: colon, comma: comma) }
        .joined(separator: comma) + "}"
    case .array(let elements):
      "[" + elements.map { $0.text(colon: colon, comma: comma) }.joined(separator: comma) + "]"
    case .string(let text): Self.quoted(text)
    case .integer(let value): String(value)
    case .real(let value): value.isFinite ? "\(value)" : "null"
    case .boolean(let value): value ? "true" : "false"
    }
  }

  private static func quoted(_ text: String) -> String {
    // Keys, and most texts.
    let isPlain = text.utf8.allSatisfy { (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }
    if isPlain { return "\"\(text)\"" }
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      default:
        // What a terminal would obey is escaped too, so that JSON can be looked at.
        if scalar.isCommand {
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
