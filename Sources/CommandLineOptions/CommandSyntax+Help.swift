// The text of `--help`, generated from the declarations.

extension CommandSyntax {
  /// Options grouped by section, wrapped to `width` columns (40 at least).
  public func help(width: Int) -> String {
    let width = max(width, 40)
    let labelColumns = min(26, width / 2)
    var lines = wrapped(summary, width: width)
    lines += [""]
    for (index, form) in usage.enumerated() {
      let parts = wrapped(form, width: width - 9).enumerated().map {
        ($0.offset == 0 ? "" : "  ") + $0.element
      }
      lines += parts.enumerated().map { (index == 0 && $0.offset == 0 ? "Usage: " : "       ") + $0.element }
    }
    for section in sections {
      let shown = section.options.map(\.declaration).filter { !$0.isHidden }
      guard !shown.isEmpty else { continue }
      lines += ["", section.title]
      for option in shown {
        lines += entry(option, labelColumns: labelColumns, width: width)
      }
    }
    if !footer.isEmpty { lines += ["", footer] }
    return lines.joined(separator: "\n")
  }

  /// The label, then the description beside it, or below it if the label is too long.
  private func entry(_ option: OptionDeclaration, labelColumns: Int, width: Int) -> [String] {
    let indent = String(repeating: " ", count: labelColumns)
    var lines = wrapped(option.description, width: width - labelColumns).map { indent + $0 }
    let label = "  " + option.label
    if label.count + 1 < labelColumns, let first = lines.first {
      lines[0] = label + first.dropFirst(label.count)
    } else {
      lines.insert(label, at: 0)
    }
    return lines
  }
}

extension OptionDeclaration {
  /// The help, then what is allowed and the default: `Width of the model. (1 to 16384; default 128)`
  fileprivate var description: String {
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

/// Breaks text at spaces so that no line is longer than `width`; a longer word gets its own line.
func wrapped(_ text: String, width: Int) -> [String] {
  var lines: [String] = []
  var line = ""
  for word in text.split(separator: " ") {
    if !line.isEmpty && line.count + 1 + word.count > width {
      lines.append(line)
      line = ""
    }
    line += line.isEmpty ? String(word) : " " + word
  }
  if !line.isEmpty { lines.append(line) }
  return lines
}
