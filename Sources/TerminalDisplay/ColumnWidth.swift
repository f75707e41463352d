// How many columns a text takes, and what of it fits.

extension Character {
  /// Columns of a terminal: 0 for marks that stand alone, 2 for wide characters (W and F of Unicode's UAX #11, emoji).
  public var columns: Int {
    guard let first = unicodeScalars.first else { return 0 }
    if first.value < 0x300, unicodeScalars.count == 1 { return 1 }
    if unicodeScalars.contains("\u{FE0F}") || first.properties.isEmojiPresentation { return 2 }
    switch first.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    switch first.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3,
      0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
      0x1F680...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }
}

/// Columns that a printable text takes.
public func columnWidth(_ text: String) -> Int { text.reduce(0) { $0 + $1.columns } }

/// `text`, or its beginning with an ellipsis, in at most `columns` columns.
func truncated(_ text: String, to columns: Int) -> String {
  guard columnWidth(text) > columns else { return text }
  guard columns > 0 else { return "" }
  var kept = ""
  var width = 0
  for character in text {
    width += character.columns
    if width > columns - 1 { break }
    kept.append(character)
  }
  return kept + "…"
}
