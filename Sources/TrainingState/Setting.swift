// An option that determines the bits: one row, read by the command line, presets, checkpoints, the checks of
// `--resume` and the `repeat with` line. The rows are in `SettingsTable`.

import CommandLineOptions
import Platform

public struct Setting: Sendable {
  /// Its name, range and help.
  public let option: any DeclaredOption
  /// The same option with another default shown in the help.
  let shown: @Sendable (String) -> any DeclaredOption
  /// Where a checkpoint keeps it; nil for an option that only determines others.
  public let field: StateField?
  let apply: @Sendable (ParsedOptions, inout TrainingConfiguration, CorpusLength?) -> Void
  /// Its value as a user would type it.
  let text: @Sendable (TrainingConfiguration) -> String
  /// What to type for this value; nil if nothing needs to be typed.
  let argument: @Sendable (TrainingConfiguration) -> String?
  /// Whether a resumed run may change it: it decides what is reported, and no weight.
  public var mayChange = false

  public var name: String { option.declaration.name }

  /// Puts the user's value, if any, into `configuration`.
  ///
  /// - Parameter length: converts epochs to steps; nil while the corpus is unknown, and epochs are then
  ///   ignored.
  public func apply(
    _ options: ParsedOptions, to configuration: inout TrainingConfiguration, length: CorpusLength? = nil
  ) {
    if options.isGiven(option) { apply(options, &configuration, length) }
  }

  /// The option as the help shows it.
  public func showing(default text: String) -> any DeclaredOption { shown(text) }

  public func text(in configuration: TrainingConfiguration) -> String { text(configuration) }

  /// The argument that gives `configuration` this setting if `other` has another; nil if they agree.
  public func argument(
    for configuration: TrainingConfiguration, insteadOf other: TrainingConfiguration
  ) -> String? {
    text(configuration) == text(other) ? nil : argument(configuration)
  }
}

/// What the corpus determines about a training: known once it has been read.
public struct CorpusLength: Sendable {
  public let stepsPerEpoch: Int
  public init(stepsPerEpoch: Int) { self.stepsPerEpoch = stepsPerEpoch }
}

extension Setting {
  typealias Key<Value> = WritableKeyPath<TrainingConfiguration, Value> & Sendable

  static func integer(
    _ name: String, _ key: Key<Int>, in allowed: ClosedRange<Int>, file path: String,
    stored: ClosedRange<Int>? = nil, absence: StateField.Absence = .damage, _ help: String
  ) -> Setting {
    let option = Option<Int?>.integer(name, in: allowed, help)
    return Setting(
      option: option, shown: option.showing,
      field: .integer(path, .configuration(key), in: stored ?? allowed, absence: absence),
      apply: { options, configuration, _ in
        if let value = options[option] { configuration[keyPath: key] = value }
      },
      text: { String($0[keyPath: key]) }, argument: { "--\(name) \($0[keyPath: key])" })
  }

  static func real(
    _ name: String, _ key: Key<Double>, in allowed: NumberRange, file path: String,
    absence: StateField.Absence = .damage, _ help: String
  ) -> Setting {
    let option = Option<Double?>.number(name, in: allowed, help)
    return Setting(
      option: option, shown: option.showing,
      field: .real(path, .configuration(key), in: allowed, absence: absence),
      apply: { options, configuration, _ in
        if let value = options[option] { configuration[keyPath: key] = value }
      },
      text: { decimal($0[keyPath: key]) }, argument: { "--\(name) \(decimal($0[keyPath: key]))" })
  }

  /// One of a few names.
  static func choice(
    _ name: String, _ key: Key<String>, of names: [String], _ placeholder: String, file path: String,
    absence: StateField.Absence = .damage, _ help: String
  ) -> Setting {
    let option = Option<String?>.choice(name, names, placeholder, help)
    return Setting(
      option: option, shown: option.showing,
      field: .name(path, .configuration(key), known: names, absence: absence),
      apply: { options, configuration, _ in
        if let value = options[option] { configuration[keyPath: key] = value }
      },
      text: { $0[keyPath: key] }, argument: { "--\(name) \($0[keyPath: key])" })
  }

  /// A flag that switches off what is on by default.
  static func switchingOff(
    _ name: String, _ key: Key<Bool>, file path: String, absence: StateField.Absence = .damage, _ help: String
  ) -> Setting {
    let option = Option<Bool>.flag(name, help)
    return Setting(
      option: option, shown: { _ in option },
      field: .flag(path, .configuration(key), absence: absence),
      apply: { options, configuration, _ in configuration[keyPath: key] = !options[option] },
      text: { $0[keyPath: key] ? "on" : "off" }, argument: { $0[keyPath: key] ? nil : "--\(name)" })
  }
}
