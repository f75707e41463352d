// One option of a program, as declared: its name, what it accepts, what it says in the help.
// Not its value: that is `ParsedOptions`.

/// A named option (`--n-embd INT`) or a flag (`--no-save`).
public struct Option: Sendable {
  enum Kind: Sendable {
    case flag
    case integer(allowed: ClosedRange<Int>)
    case number(allowed: NumberRange)
    case text(allowsEmpty: Bool)
    case choice([String])
    /// Two texts, one after the other.
    case pair
  }

  /// A value that passed the checks of its option.
  enum Value: Equatable, Sendable {
    case set
    case integer(Int)
    case number(Double)
    case text(String)
    case pair(String, String)
  }

  /// Canonical: lower case, words joined by `-`, without the leading `--`.
  public let name: String
  public let help: String
  let kind: Kind
  /// `INT` in `--n-embd INT`; nil for a flag.
  let valueName: String?
  let declaredDefault: Value?
  /// What the help shows as the default where it is not `declaredDefault`: defaults that a preset chooses.
  let defaultText: String?
  private(set) var isHidden = false

  /// A switch that is off unless given.
  public static func flag(_ name: String, _ help: String) -> Option {
    Option(name: name, help: help, kind: .flag, valueName: nil, declaredDefault: nil, defaultText: nil)
  }

  /// A whole number.
  /// - Parameters:
  ///   - defaultValue: what reading gives when the user says nothing and the reader names no default.
  ///   - defaultText: replaces `defaultValue` in the help.
  public static func integer(
    _ name: String, _ valueName: String = "INT", default defaultValue: Int? = nil,
    defaultText: String? = nil, in allowed: ClosedRange<Int> = Int.min...Int.max, _ help: String
  ) -> Option {
    Option(
      name: name, help: help, kind: .integer(allowed: allowed), valueName: valueName,
      declaredDefault: defaultValue.map(Value.integer), defaultText: defaultText)
  }

  /// A finite real number.
  public static func number(
    _ name: String, _ valueName: String = "NUMBER", default defaultValue: Double? = nil,
    defaultText: String? = nil, in allowed: NumberRange = .any, _ help: String
  ) -> Option {
    Option(
      name: name, help: help, kind: .number(allowed: allowed), valueName: valueName,
      declaredDefault: defaultValue.map(Value.number), defaultText: defaultText)
  }

  /// Any text: a file, a prompt, an address.
  public static func text(
    _ name: String, _ valueName: String = "TEXT", default defaultValue: String? = nil,
    defaultText: String? = nil, allowsEmpty: Bool = false, _ help: String
  ) -> Option {
    Option(
      name: name, help: help, kind: .text(allowsEmpty: allowsEmpty), valueName: valueName,
      declaredDefault: defaultValue.map(Value.text), defaultText: defaultText)
  }

  /// One word of a list.
  public static func choice(
    _ name: String, _ choices: [String], _ valueName: String = "NAME",
    default defaultValue: String? = nil, defaultText: String? = nil, _ help: String
  ) -> Option {
    Option(
      name: name, help: help, kind: .choice(choices), valueName: valueName,
      declaredDefault: defaultValue.map(Value.text), defaultText: defaultText)
  }

  /// Two texts of one kind: `--diff FILE FILE`.
  public static func pair(_ name: String, _ valueName: String, _ help: String) -> Option {
    Option(
      name: name, help: help, kind: .pair, valueName: "\(valueName) \(valueName)", declaredDefault: nil,
      defaultText: nil)
  }

  /// The same option, accepted but neither shown in the help nor suggested: a test interface.
  public var hidden: Option {
    var copy = self
    copy.isHidden = true
    return copy
  }

  /// `--n-embd INT`
  var label: String { valueName.map { "--\(name) \($0)" } ?? "--\(name)" }

  /// What a value may be, in words; nil where anything goes.
  var allowedText: String? {
    switch kind {
    case .flag, .text, .pair: nil
    case .choice(let choices): choices.joined(separator: " | ")
    case .number(let allowed): allowed.text
    case .integer(let allowed):
      switch (allowed.lowerBound, allowed.upperBound) {
      case (.min, .max): nil
      case (.min, let upper): "at most \(upper)"
      case (let lower, .max): "at least \(lower)"
      case (let lower, let upper): "\(lower) to \(upper)"
      }
    }
  }
}
