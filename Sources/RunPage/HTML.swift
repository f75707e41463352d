// Text of others as part of a page: never markup, never an order to whoever shows it.

import Platform

/// `text` as the content of an element or of a quoted attribute. Controls, also of the writing direction, are spelled
/// out; lines stay lines.
func escaped(_ text: String) -> String {
  var result = ""
  result.reserveCapacity(text.utf8.count + 16)
  for scalar in visible(text, keeping: ["\n", "\t"]).unicodeScalars {
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "'": result += "&#39;"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// `<name attributes>content</name>`; the content is markup.
func element(_ name: String, _ attributes: String = "", _ content: String) -> String {
  "<\(name)\(attributes.isEmpty ? "" : " " + attributes)>\(content)</\(name)>"
}

extension Double {
  /// A coordinate: at most one decimal, `12.5`, `0`, `-3`.
  var coordinate: String {
    let tenths = Int((self * 10).rounded())
    let (whole, rest) = (abs(tenths) / 10, abs(tenths) % 10)
    return (tenths < 0 ? "-" : "") + "\(whole)" + (rest > 0 ? ".\(rest)" : "")
  }
}
