// What of a line is shown where there is no room for all of it.

import TerminalDisplay

/// The part of a line that a window shows, and where in it the cursor is.
struct VisiblePart: Equatable {
  let text: String
  /// Columns before the cursor.
  let cursorColumn: Int

  /// - Parameter width: columns that there are, at least 2. The last one stays free for the cursor.
  init(of line: EditedLine, width: Int) {
    let room = max(1, width - 1)
    let widths = line.characters.map { $0.columns }
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
