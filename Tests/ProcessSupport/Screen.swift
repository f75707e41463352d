// What a terminal shows: just enough of one to read back what a program has drawn.

/// Rows of a window, with those that have scrolled away above them.
public struct Screen: Sendable {
  /// Every row that there ever was, the last ones in the window.
  private var rows: [[Character]] = [[]]
  private var row = 0
  private var column = 0
  private var columns: Int
  private var escape = ""
  /// What a program may not write here, because this does not understand it.
  public private(set) var strange: [String] = []

  public init(columns: Int) { self.columns = columns }

  /// Without spaces at their ends.
  public var lines: [String] {
    rows.map { row in
      var row = row
      while row.last == " " { row.removeLast() }
      return String(row)
    }
  }

  /// The row with the cursor, up to it.
  public var beforeCursor: String { String(rows[row].prefix(column)) }

  /// A window of another width. Rows that no longer fit go on in the next one, with the cursor behind its character, as in
  /// the terminals of today.
  public mutating func resize(columns new: Int) {
    columns = new
    var (result, cursor): ([[Character]], Int) = ([], 0)
    for (index, cells) in rows.enumerated() {
      if index == row { cursor = result.count + max(0, column - 1) / new }
      let pieces = stride(from: 0, to: max(1, cells.count), by: new).map {
        Array(cells[$0..<min($0 + new, cells.count)])
      }
      result += pieces
    }
    column = column == 0 ? 0 : (column - 1) % new + 1
    (rows, row) = (result, min(cursor, result.count - 1))
  }

  public mutating func take(_ text: String) {
    for scalar in text.unicodeScalars { take(scalar) }
  }

  private mutating func take(_ scalar: Unicode.Scalar) {
    if !escape.isEmpty {
      escape.unicodeScalars.append(scalar)
      if escape.count > 2, (0x40...0x7E).contains(scalar.value) { obey() }
      return
    }
    switch scalar {
    case "\u{1B}": escape = "\u{1B}"
    case "\r": column = 0
    case "\n": moveDown()
    case "\u{8}": column = max(0, column - 1)
    case "\u{7}": break
    default: put(Character(scalar))
    }
  }

  private mutating func obey() {
    defer { escape = "" }
    let body = escape.dropFirst(2).dropLast()
    switch escape.last {
    case "K" where body.isEmpty || body == "0": rows[row].removeLast(max(0, rows[row].count - column))
    case "J" where body.isEmpty || body == "0":
      rows[row].removeLast(max(0, rows[row].count - column))
      rows.removeLast(rows.count - row - 1)
    case "A": row = max(0, row - (Int(body) ?? 1))
    case "m": break
    // What bash says of itself: bracketed paste.
    case "h" where body.hasPrefix("?"), "l" where body.hasPrefix("?"): break
    default: strange.append(String(escape.dropFirst()))
    }
  }

  private mutating func moveDown() {
    row += 1
    if row == rows.count { rows.append([]) }
  }

  private mutating func put(_ character: Character) {
    if column == columns {
      column = 0
      moveDown()
    }
    while rows[row].count <= column { rows[row].append(" ") }
    rows[row][column] = character
    column += 1
  }
}
