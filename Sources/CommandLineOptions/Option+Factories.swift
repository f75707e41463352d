// The kinds of option, one factory each: with a default, reading yields a value; without one, an optional.
//
// In all of them `defaultText` is what the help shows as the default: in place of the declared one, or where
// a preset or the machine decides it. `valueName` can be omitted only where a labelled argument follows it.

extension Option where Value == Bool {
  /// A switch that is off unless given.
  public static func flag(_ name: String, _ help: String) -> Option<Bool> {
    Option(OptionDeclaration(name, help, .flag)) { $0 == .set }
  }
}

extension Option where Value == Int {
  /// A whole number.
  public static func integer(
    _ name: String, _ valueName: String = "INT", default defaultValue: Int, defaultText: String? = nil,
    in allowed: ClosedRange<Int> = Int.min...Int.max, _ help: String
  ) -> Option<Int> {
    let declaration = OptionDeclaration(
      name, help, .integer(allowed: allowed), valueName, .integer(defaultValue), defaultText)
    return Option(declaration) { $0?.integer ?? defaultValue }
  }
}

extension Option where Value == Int? {
  /// A whole number, nil unless given.
  public static func integer(
    _ name: String, _ valueName: String = "INT", defaultText: String? = nil,
    in allowed: ClosedRange<Int> = Int.min...Int.max, _ help: String
  ) -> Option<Int?> {
    Option(OptionDeclaration(name, help, .integer(allowed: allowed), valueName, nil, defaultText)) {
      $0?.integer
    }
  }
}

extension Option where Value == Double {
  /// A finite real number.
  public static func number(
    _ name: String, _ valueName: String = "NUMBER", default defaultValue: Double,
    defaultText: String? = nil, in allowed: NumberRange = .any, _ help: String
  ) -> Option<Double> {
    let declaration = OptionDeclaration(
      name, help, .number(allowed: allowed), valueName, .number(defaultValue), defaultText)
    return Option(declaration) { $0?.number ?? defaultValue }
  }
}

extension Option where Value == Double? {
  /// A finite real number, nil unless given.
  public static func number(
    _ name: String, _ valueName: String = "NUMBER", defaultText: String? = nil,
    in allowed: NumberRange = .any, _ help: String
  ) -> Option<Double?> {
    Option(OptionDeclaration(name, help, .number(allowed: allowed), valueName, nil, defaultText)) {
      $0?.number
    }
  }
}

extension Option where Value == String {
  /// Any text: a file, a prompt, an address.
  public static func text(
    _ name: String, _ valueName: String = "TEXT", default defaultValue: String, defaultText: String? = nil,
    allowsEmpty: Bool = false, _ help: String
  ) -> Option<String> {
    let declaration = OptionDeclaration(
      name, help, .text(allowsEmpty: allowsEmpty), valueName, .text(defaultValue), defaultText)
    return Option(declaration) { $0?.text ?? defaultValue }
  }

  /// One word of a list.
  public static func choice(
    _ name: String, _ choices: [String], _ valueName: String = "NAME", default defaultValue: String,
    defaultText: String? = nil, _ help: String
  ) -> Option<String> {
    let declaration = OptionDeclaration(
      name, help, .choice(choices), valueName, .text(defaultValue), defaultText)
    return Option(declaration) { $0?.text ?? defaultValue }
  }
}

extension Option where Value == String? {
  /// Any text, nil unless given.
  public static func text(
    _ name: String, _ valueName: String = "TEXT", defaultText: String? = nil, allowsEmpty: Bool = false,
    _ help: String
  ) -> Option<String?> {
    Option(OptionDeclaration(name, help, .text(allowsEmpty: allowsEmpty), valueName, nil, defaultText)) {
      $0?.text
    }
  }

  /// One word of a list, nil unless given.
  public static func choice(
    _ name: String, _ choices: [String], _ valueName: String = "NAME", defaultText: String? = nil,
    _ help: String
  ) -> Option<String?> {
    Option(OptionDeclaration(name, help, .choice(choices), valueName, nil, defaultText)) { $0?.text }
  }
}

extension Option where Value == (String, String)? {
  /// Two texts of one kind, `--diff FILE FILE`; nil unless given.
  public static func pair(
    _ name: String, _ valueName: String, _ help: String
  ) -> Option<(String, String)?> {
    Option(OptionDeclaration(name, help, .pair, "\(valueName) \(valueName)")) { $0?.pair }
  }
}

extension Option where Value == [String] {
  /// Any texts, one each time the option is given, in order; empty unless given.
  public static func texts(_ name: String, _ valueName: String, _ help: String) -> Option<[String]> {
    Option(OptionDeclaration(name, help, .texts, valueName)) { $0?.texts ?? [] }
  }
}
