// One option without the type of its value: what the parser and the help work with. Programs use `Option`;
// they see this type only where options of all types are handled alike.

/// What an option is called, what it accepts and what the help says about it.
public struct OptionDeclaration: Sendable {
  enum Kind: Equatable, Sendable {
    case flag
    case integer(allowed: ClosedRange<Int>)
    case number(allowed: NumberRange)
    case text(allowsEmpty: Bool)
    /// As many as the option is given.
    case texts
    case choice([String])
    /// Two texts, one after the other.
    case pair
  }

  /// A value that passed the checks of its option.
  enum CheckedValue: Equatable, Sendable {
    case set
    case integer(Int)
    case number(Double)
    case text(String)
    case texts([String])
    case pair(String, String)
  }

  /// Canonical: lower case, words joined by `-`, without the leading `--`.
  public let name: String
  /// What the option is for: one sentence.
  public let help: String
  let kind: Kind
  /// `INT` in `--n-embd INT`; nil for a flag.
  let valueName: String?
  let declaredDefault: CheckedValue?
  /// What the help shows as the default instead of `declaredDefault`.
  var defaultText: String?
  var isHidden = false
  /// `h` for `-h`.
  var short: Character?
  /// What files that the option takes end in, `.jld2`; empty if any will do.
  var suffixes: [String] = []

  init(
    _ name: String, _ help: String, _ kind: Kind, _ valueName: String? = nil,
    _ declaredDefault: CheckedValue? = nil, _ defaultText: String? = nil
  ) {
    self.name = name
    self.help = help
    self.kind = kind
    self.valueName = valueName
    self.declaredDefault = declaredDefault
    self.defaultText = defaultText
  }

  /// Whether both accept and yield the same values; their help does not matter.
  func means(_ other: OptionDeclaration) -> Bool {
    name == other.name && kind == other.kind && declaredDefault == other.declaredDefault
  }

  /// `--n-embd INT`
  var label: String { valueName.map { "--\(name) \($0)" } ?? "--\(name)" }

  /// What a shell can offer for a value.
  enum Candidates: Equatable {
    case none
    case words([String])
    /// That end in one of these; any if there is none.
    case files([String])
    case folders
  }

  var candidates: Candidates {
    switch (kind, valueName) {
    case (.choice(let choices), _): .words(choices)
    case (.text, "FILE"), (.texts, "FILE"), (.pair, "FILE FILE"): .files(suffixes)
    case (.text, "DIR"), (.texts, "DIR"): .folders
    default: .none
    }
  }

  /// What a value may be, in words; nil where anything goes.
  var allowedText: String? {
    switch kind {
    case .flag, .text, .texts, .pair: nil
    case .choice(let choices): choices.joined(separator: " | ")
    case .number(let allowed): allowed.text
    case .integer(let allowed):
      switch (allowed.lowerBound, allowed.upperBound) {
      case (.min, .max): nil
      case (.min, let upper): "at most \(NumberText.readable(upper))"
      case (let lower, .max): "at least \(NumberText.readable(lower))"
      case (let lower, let upper): "\(NumberText.readable(lower)) to \(NumberText.readable(upper))"
      }
    }
  }
}

extension OptionDeclaration.CheckedValue {
  var integer: Int? { if case .integer(let number) = self { number } else { nil } }
  var number: Double? { if case .number(let number) = self { number } else { nil } }
  var text: String? { if case .text(let text) = self { text } else { nil } }
  var texts: [String]? { if case .texts(let texts) = self { texts } else { nil } }
  var pair: (String, String)? { if case .pair(let first, let second) = self { (first, second) } else { nil } }
}
