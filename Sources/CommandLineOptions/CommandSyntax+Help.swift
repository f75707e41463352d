// The text of `--help`, generated from the declarations.

import TerminalDisplay

extension CommandSyntax {
  /// Options grouped by section, then examples and what else one looks for in a help; wrapped to `width` columns (40 at
  /// least).
  public func help(width: Int) -> String {
    let width = max(width, 40)
    let labelColumns = min(26, width / 2)
    var lines = wrapped(summary, columns: width)
    lines += [""]
    for (index, form) in usage.enumerated() {
      let fitting =
        form.count <= width - 7
        ? [form] : wrapped(form.split(separator: " ").joined(separator: " "), columns: width - 9)
      let parts = fitting.enumerated().map {
        ($0.offset == 0 ? "" : "  ") + $0.element
      }
      lines += parts.enumerated().map { (index == 0 && $0.offset == 0 ? "Usage: " : "       ") + $0.element }
    }
    for section in sections {
      let shown = section.options.map(\.declaration).filter { !$0.isHidden }
      guard !shown.isEmpty else { continue }
      lines += ["", section.title]
      for option in shown {
        lines += entry(option.fullLabel, option.description, labelColumns: labelColumns, width: width)
      }
    }
    if !examples.isEmpty {
      lines += ["", "Examples"]
      for example in examples {
        lines += wrapped(example.purpose, columns: width - 2).map { "  " + $0 }
        lines += wrappedCommand(example.command, width: width, indent: 4)
      }
    }
    for (title, entries) in [
      ("Exit status", exitStatuses), ("Files", files), ("Environment", environment),
    ] where !entries.isEmpty {
      lines += ["", title]
      // Short names stand in a narrow column.
      let longest = entries.map(\.name.count).max() ?? 0
      for item in entries {
        lines += entry(item.name, item.meaning, labelColumns: min(longest + 4, labelColumns), width: width)
      }
    }
    if !footer.isEmpty {
      lines += [""] + footer.split(separator: "\n").flatMap { wrapped(String($0), columns: width) }
    }
    return lines.joined(separator: "\n")
  }

  /// The label, then the description beside it, or below it if the label is too long.
  private func entry(_ name: String, _ description: String, labelColumns: Int, width: Int) -> [String] {
    let indent = String(repeating: " ", count: labelColumns)
    var lines = wrapped(description, columns: width - labelColumns).map { indent + $0 }
    let label = "  " + name
    if label.count + 1 < labelColumns, let first = lines.first {
      lines[0] = label + first.dropFirst(label.count)
    } else {
      lines.insert(label, at: 0)
    }
    return lines
  }
}

extension OptionDeclaration {
  /// `-h, --help`
  var fullLabel: String { short.map { "-\($0), \(label)" } ?? label }

  /// The help, then what is allowed and the default: `Width of the model. (1 to 16384; default 128)`
  var description: String {
    let facts = [allowedText, shownDefault.map { "default \($0)" }].compactMap { $0 }
    return facts.isEmpty ? help : "\(help) (\(facts.joined(separator: "; ")))"
  }

  private var shownDefault: String? {
    if let defaultText { return defaultText }
    switch declaredDefault {
    case nil, .set, .pair: return nil
    case .integer(let number): return String(number)
    case .number(let number): return decimal(number)
    case .text(let text): return quotedIfNeeded(text)
    case .texts(let texts): return texts.map(quotedIfNeeded).joined(separator: " ")
    }
  }

  private func quotedIfNeeded(_ text: String) -> String {
    text.isEmpty || text.contains(where: \.isWhitespace) ? quoted(text) : text
  }
}

/// A command on as many lines as it takes, joined by backslashes so that it can be pasted. Breaks between options, not
/// between an option and its value.
///
/// - Parameter indent: of the first line; the others have two more.
public func wrappedCommand(_ command: String, width: Int, indent: Int = 0) -> [String] {
  var lines: [String] = []
  var line = String(repeating: " ", count: indent)
  var isEmpty = true
  // What is wider than a line may break before its value, too.
  let groups = optionGroups(command).flatMap { option, value in
    let group = option + (value.map { " " + $0 } ?? "")
    return indent + 4 + group.count > width ? [option, value].compactMap(\.self) : [group]
  }
  for group in groups {
    if !isEmpty && line.count + 1 + group.count > width - 2 {
      lines.append(line + " \\")
      line = String(repeating: " ", count: indent + 2)
      isEmpty = true
    }
    line += isEmpty ? group : " " + group
    isEmpty = false
  }
  return lines + [line]
}

/// Words of a command, those of an option's with its value. Spaces within quotes are the word's own.
private func optionGroups(_ command: String) -> [(option: String, value: String?)] {
  var words: [String] = [""]
  var quote: Character?
  for character in command {
    if quote == nil, character == " " {
      words.append("")
      continue
    }
    if character == "'" || character == "\"" {
      quote = quote == nil ? character : quote == character ? nil : quote
    }
    words[words.count - 1].append(character)
  }
  var groups: [(option: String, value: String?)] = []
  for word in words where !word.isEmpty {
    let takesValue = groups.last.map {
      $0.value == nil && $0.option.hasPrefix("-") && !$0.option.contains("=")
    }
    if takesValue == true, !["-", ">", "|", "&"].contains(word.prefix(1)) {
      groups[groups.count - 1].value = word
    } else {
      groups.append((word, nil))
    }
  }
  return groups
}
