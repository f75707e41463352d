// The values of one run. What the user gave is known apart from what is a default, so that a preset can
// change defaults without overruling the user, and so that a launcher can hand on exactly what was given.

import Diagnostics

/// Checked option values. Reading takes, in this order: the user's value, the reader's `default:` (a
/// preset's, say), the declared default. Asking for an undeclared name or type is a programmer error.
public struct ParsedOptions: Sendable {
  private let syntax: CommandSyntax
  private let values: [String: Option.Value]

  init(syntax: CommandSyntax, values: [String: Option.Value]) {
    self.syntax = syntax
    self.values = values
  }

  /// Whether the user gave the option on the command line.
  public func isGiven(_ name: String) -> Bool {
    values[declared(name).name] != nil
  }

  /// Whether a flag was given.
  public func flag(_ name: String) -> Bool {
    guard case .flag = declared(name).kind else { preconditionFailure("--\(name) is not a flag") }
    return isGiven(name)
  }

  /// An integer option that has a default, here or in its declaration.
  public func int(_ name: String, default defaultValue: Int? = nil) -> Int {
    required(givenInt(name) ?? defaultValue ?? declaredInt(name), name)
  }

  /// A number option that has a default, here or in its declaration.
  public func double(_ name: String, default defaultValue: Double? = nil) -> Double {
    required(givenDouble(name) ?? defaultValue ?? declaredDouble(name), name)
  }

  /// A text or choice option that has a default, here or in its declaration.
  public func string(_ name: String, default defaultValue: String? = nil) -> String {
    required(givenString(name) ?? defaultValue ?? declaredString(name), name)
  }

  /// The user's value, nil where the user gave none.
  public func givenInt(_ name: String) -> Int? { integer(values[declared(name).name], name) }
  /// The user's value, nil where the user gave none.
  public func givenDouble(_ name: String) -> Double? { number(values[declared(name).name], name) }
  /// The user's value, nil where the user gave none.
  public func givenString(_ name: String) -> String? { text(values[declared(name).name], name) }

  /// The user's two values, nil where the user gave none.
  public func givenPair(_ name: String) -> (String, String)? {
    guard case .pair = declared(name).kind else { preconditionFailure("--\(name) is not a pair") }
    guard case .pair(let first, let second)? = values[declared(name).name] else { return nil }
    return (first, second)
  }

  /// What the user gave, as an argument vector in the order of declaration: `["--n-embd=64", "--no-save"]`.
  /// Two command lines that mean the same give the same vector, and parsing it gives the same values.
  /// - Parameter excluded: options that the launcher settles itself.
  public func arguments(without excluded: Set<String> = []) -> [String] {
    let excluded = Set(excluded.map { declared($0).name })
    return syntax.options.flatMap { option -> [String] in
      guard !excluded.contains(option.name), let value = values[option.name] else { return [] }
      switch value {
      case .set: return ["--\(option.name)"]
      case .integer(let number): return ["--\(option.name)=\(number)"]
      case .number(let number): return ["--\(option.name)=\(decimal(number))"]
      case .text(let text): return ["--\(option.name)=\(text)"]
      case .pair(let first, let second): return ["--\(option.name)", first, second]
      }
    }
  }

  /// Refuses options that exclude each other.
  /// - Throws: `InvalidInput` if the user gave more than one of them.
  public func atMostOne(of names: String...) throws {
    let given = names.filter(isGiven)
    guard given.count <= 1 else {
      throw InvalidInput("--\(given[0]) and --\(given[1]) exclude each other; give one of them")
    }
  }

  private func declared(_ name: String) -> Option {
    guard let option = syntax.option(named: name) else { preconditionFailure("--\(name) is not declared") }
    return option
  }

  private func declaredInt(_ name: String) -> Int? { integer(declared(name).declaredDefault, name) }
  private func declaredDouble(_ name: String) -> Double? { number(declared(name).declaredDefault, name) }
  private func declaredString(_ name: String) -> String? { text(declared(name).declaredDefault, name) }

  private func integer(_ value: Option.Value?, _ name: String) -> Int? {
    guard case .integer = declared(name).kind else { preconditionFailure("--\(name) is not an integer") }
    guard case .integer(let number)? = value else { return nil }
    return number
  }

  private func number(_ value: Option.Value?, _ name: String) -> Double? {
    guard case .number = declared(name).kind else { preconditionFailure("--\(name) is not a number") }
    guard case .number(let number)? = value else { return nil }
    return number
  }

  private func text(_ value: Option.Value?, _ name: String) -> String? {
    switch declared(name).kind {
    case .text, .choice: break
    default: preconditionFailure("--\(name) is not a text")
    }
    guard case .text(let text)? = value else { return nil }
    return text
  }

  private func required<Value>(_ value: Value?, _ name: String) -> Value {
    guard let value else { preconditionFailure("--\(name) has no default: read it with given…") }
    return value
  }
}
