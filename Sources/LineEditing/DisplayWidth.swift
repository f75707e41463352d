// How many columns of a terminal a text takes.

/// Columns of a character: 0, 1, or 2 for those that East Asian scripts and emoji draw wide (Unicode's UAX #11, W and F).
func columns(of character: Character) -> Int {
  guard let scalar = character.unicodeScalars.first else { return 0 }
  if character.unicodeScalars.contains("\u{FE0F}") { return 2 }
  switch scalar.properties.generalCategory {
  case .nonspacingMark, .enclosingMark, .format: return 0
  default: return isWide(scalar) ? 2 : 1
  }
}

private func isWide(_ scalar: Unicode.Scalar) -> Bool {
  if scalar.properties.isEmojiPresentation { return true }
  switch scalar.value {
  case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
    0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
    0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
    return true
  default: return false
  }
}

/// The part of a line that a window shows, and where in it the cursor is.
struct VisiblePart: Equatable {
  let text: String
  /// Columns before the cursor.
  let cursorColumn: Int

  /// - Parameter width: columns that there are, at least 2. The last one stays free for the cursor.
  init(of line: EditedLine, width: Int) {
    let room = max(1, width - 1)
    let widths = line.characters.map { columns(of: $0) }
    var first = line.cursor
    var before = 0
    while first > 0, before + widths[first - 1] <= room {
      first -= 1
      before += widths[first]
    }
    var end = line.cursor
    var total = before
    while end < widths.count, total + widths[end] <= room {
      total += widths[end]
      end += 1
    }
    text = String(line.characters[first..<end])
    cursorColumn = before
  }
}
