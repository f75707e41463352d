// How many columns a text takes, and what of it fits.

extension Unicode.Scalar {
  /// Columns of a terminal: 0 for marks that combine with what stands before them, 2 for wide characters.
  var columns: Int {
    if value < 0x300 { return 1 }
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    switch value {
    // East Asian Wide and Fullwidth of UAX #11, and emoji.
    case 0x1100...0x115F, 0x231A...0x231B, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3,
      0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
      0x1F680...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }
}

/// Columns that a printable text takes.
public func columnWidth(_ text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + $1.columns } }

/// `text`, or its beginning with an ellipsis, in at most `columns` columns.
func truncated(_ text: String, to columns: Int) -> String {
  guard columnWidth(text) > columns else { return text }
  guard columns > 0 else { return "" }
  var kept = String.UnicodeScalarView()
  var width = 0
  for scalar in text.unicodeScalars {
    width += scalar.columns
    if width > columns - 1 { break }
    kept.append(scalar)
  }
  return String(kept) + "…"
}
