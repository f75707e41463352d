// What stands on a live line: fields, of which a narrow window shows the most important ones. Pure.

import Platform

/// One piece of information on the live line.
public struct LiveField: Equatable, Sendable {
  /// As it stands where there is room, and where there is less.
  public var long: String
  public var short: String
  /// Of the fields that do not fit, those with the lowest go first.
  public var importance: Int
  /// Whether it may be dimmed beside the others.
  public var isSecondary: Bool

  public init(_ long: String, short: String? = nil, importance: Int, isSecondary: Bool = false) {
    self.long = long
    self.short = short ?? long
    self.importance = importance
    self.isSecondary = isSecondary
  }
}

/// Fields as they are shown in a window.
struct LiveLayout: Equatable {
  /// In order, printable.
  var texts: [String] = []
  var secondary: [Bool] = []
  var separator = ""

  /// As many of `fields` as `columns` columns hold: first they are shortened, then the least important are left out.
  init(_ fields: [LiveField], columns: Int) {
    var kept = fields
    while true {
      let forms: [(KeyPath<LiveField, String>, String)] = [
        (\.long, " | "), (\.short, " | "), (\.short, "  "),
      ]
      for (form, separator) in forms {
        texts = kept.map { visible($0[keyPath: form]) }
        secondary = kept.map(\.isSecondary)
        self.separator = separator
        if width <= columns { return }
      }
      guard kept.count > 1, let least = kept.map(\.importance).min(),
        let index = kept.lastIndex(where: { $0.importance == least })
      else { break }
      kept.remove(at: index)
    }
    texts = texts.map { truncated($0, to: columns) }
  }

  var width: Int {
    texts.reduce(0) { $0 + columnWidth($1) } + separator.count * max(0, texts.count - 1)
  }

  /// - Parameter hasColors: whether secondary fields are dimmed.
  func line(hasColors: Bool) -> String {
    let shown = zip(texts, secondary).map { text, isSecondary in
      hasColors && isSecondary ? TextStyle.dim.applied(to: text) : text
    }
    return shown.joined(separator: hasColors ? TextStyle.dim.applied(to: separator) : separator)
  }
}

/// How text may look on a terminal with colours (ECMA-48, SGR).
public enum TextStyle: String, Sendable {
  case dim = "2"
  case bold = "1"
  /// Bold yellow.
  case warning = "1;33"
  /// Bold red.
  case error = "1;31"

  public func applied(to text: String) -> String { "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" }
}
