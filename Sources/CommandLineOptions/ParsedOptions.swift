// The values of one run. Keeps the user's values apart from defaults, so that a preset can change defaults
// without overruling the user and a launcher can pass on exactly what was given.

import Platform

/// Checked option values, read by the option that declares them.
///
///     let seed = options[Options.seed]                    // an Int: the user's or the declared default
///     let width = options[Options.width] ?? preset.width  // an Int?: declared without a default
///     let keep = options.given(Options.keep) ?? 5         // the user's only
///
/// Reading an option that the syntax does not declare, or declares differently, is a programmer error.
public struct ParsedOptions: Sendable {
  private let syntax: CommandSyntax
  /// The user's values, by canonical name.
  private let values: [String: OptionDeclaration.CheckedValue]
  /// Of values that stand in a file of options: `run.conf:3`, by canonical name.
  private let origins: [String: String]

  init(
    syntax: CommandSyntax, values: [String: OptionDeclaration.CheckedValue], origins: [String: String] = [:]
  ) {
    self.syntax = syntax
    self.values = values
    self.origins = origins
  }

  /// The user's value, else the declared default: nil for an optional one, false for a flag.
  public subscript<Value>(_ option: Option<Value>) -> Value {
    option.read(givenValue(option))
  }

  /// The user's value; nil if there is none, even if a default is declared.
  public func given<Value>(_ option: Option<Value>) -> Value? {
    givenValue(option).map(option.read)
  }

  /// The user's value; nil if there is none: the same as the subscript.
  public func given<Wrapped>(_ option: Option<Wrapped?>) -> Wrapped? {
    self[option]
  }

  /// Whether the user gave the option on the command line.
  public func isGiven(_ option: any DeclaredOption) -> Bool {
    givenValue(option) != nil
  }

  /// What the user gave, as an argument vector in the order of declaration: `["--n-embd=64", "--no-save"]`.
  /// Equivalent command lines give the same vector, and parsing it gives the same values.
  /// - Parameter excluded: options that the launcher handles itself.
  public func arguments(without excluded: [any DeclaredOption] = []) -> [String] {
    let excluded = Set(excluded.map { declared($0).name })
    return syntax.options.flatMap { option -> [String] in
      guard !excluded.contains(option.name), let value = values[option.name] else { return [] }
      switch value {
      case .set: return ["--\(option.name)"]
      case .integer(let number): return ["--\(option.name)=\(number)"]
      case .number(let number): return ["--\(option.name)=\(decimal(number))"]
      case .text(let text): return ["--\(option.name)=\(text)"]
      case .texts(let texts): return texts.map { "--\(option.name)=\($0)" }
      case .pair(let first, let second): return ["--\(option.name)", first, second]
      }
    }
  }

  /// Refuses options that exclude each other.
  /// - Throws: `InvalidInput` if the user gave more than one of them.
  public func atMostOne(of options: any DeclaredOption...) throws {
    let given = options.filter(isGiven)
    guard given.count <= 1 else {
      let names = given.prefix(2).map { option in
        "--\(option.name)" + (origins[option.name].map { " (\(visible($0)))" } ?? "")
      }
      throw InvalidInput("\(names[0]) and \(names[1]) exclude each other; give one of them")
    }
  }

  private func givenValue(_ option: any DeclaredOption) -> OptionDeclaration.CheckedValue? {
    values[declared(option).name]
  }

  private func declared(_ option: any DeclaredOption) -> OptionDeclaration {
    let declaration = option.declaration
    precondition(
      syntax.declares(declaration), "\(syntax.program) does not declare this --\(declaration.name)")
    return declaration
  }
}
