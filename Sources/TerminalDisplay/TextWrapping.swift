// Text in lines that fit a page of a terminal: 79 columns, as in a mail or a code review. Pure.

/// Columns of a line of the log.
public let logColumns = 79

extension String {
  /// With spaces behind it, for a column of at least `width` characters.
  public func padded(to width: Int) -> String {
    self + String(repeating: " ", count: Swift.max(0, width - count))
  }
}

/// `text` in lines, broken at spaces.
///
/// - Parameter indent: columns before all lines but the first.
/// - Returns: at least one line; one that is longer holds a single word.
public func wrapped(_ text: String, indent: Int = 0, columns: Int = logColumns) -> [String] {
  var lines: [String] = []
  var line = ""
  var isEmpty = true
  for word in text.split(separator: " ", omittingEmptySubsequences: false) {
    let begin = columnWidth(line) + 1
    // A word that would stand no further to the left in a line of its own stays.
    if !isEmpty, begin > indent, begin + columnWidth(String(word)) > columns {
      lines.append(line)
      line = String(repeating: " ", count: indent) + word
    } else {
      line += (isEmpty ? "" : " ") + word
    }
    isEmpty = false
  }
  return lines + [line]
}

/// A command that a shell takes as it stands, over several lines if it must.
///
/// - Parameters:
///   - title: before the command; no part of it.
///   - words: quoted already. An option and its value stay together if they are one of these.
public func wrappedCommand(_ title: String, _ words: [String], columns: Int = logColumns) -> [String] {
  var lines: [String] = []
  var line = title
  for (index, word) in words.enumerated() {
    // A space and a backslash follow all but the last.
    let room = index == words.count - 1 ? columns : columns - 2
    if index > 0, columnWidth(line) + 1 + columnWidth(word) > room {
      lines.append(line + " \\")
      line = "   "
    }
    line += (line.isEmpty ? "" : " ") + word
  }
  return lines + [line]
}
