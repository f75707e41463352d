// An option as the program sees it: declared once, and from then on the key for reading its value. The value
// itself is in `ParsedOptions`.

/// An option with any type of value: what sections and argument vectors are made of.
public protocol DeclaredOption: Sendable {
  var declaration: OptionDeclaration { get }
}

extension DeclaredOption {
  /// Canonical: lower case, words joined by `-`, without the leading `--`.
  public var name: String { declaration.name }
}

/// A named option (`--n-embd INT`) or a flag (`--no-save`), and the type that reading it yields.
///
/// `Value` is optional where the declaration has no default: nil then means that the user gave none. Only the
/// factories make options: `flag`, `integer`, `number`, `text`, `choice`, `pair`.
public struct Option<Value: Sendable>: DeclaredOption {
  public private(set) var declaration: OptionDeclaration
  /// Converts the user's value; nil gives the default.
  let read: @Sendable (OptionDeclaration.CheckedValue?) -> Value

  init(
    _ declaration: OptionDeclaration, read: @escaping @Sendable (OptionDeclaration.CheckedValue?) -> Value
  ) {
    self.declaration = declaration
    self.read = read
  }

  /// The same option, accepted but neither shown in the help nor suggested: for tests.
  public var hidden: Option<Value> {
    var copy = self
    copy.declaration.isHidden = true
    return copy
  }

  /// The same option with another default shown in the help; reading it does not change.
  public func showing(default text: String) -> Option<Value> {
    var copy = self
    copy.declaration.defaultText = text
    return copy
  }

  /// The same option, for which shells offer files that end in one of `suffixes`.
  public func completing(_ suffixes: String...) -> Option<Value> {
    var copy = self
    copy.declaration.suffixes = suffixes
    return copy
  }

  /// The same option under a short name, too.
  func abbreviated(_ letter: Character) -> Option<Value> {
    var copy = self
    copy.declaration.short = letter
    return copy
  }
}
