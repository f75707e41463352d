// The whole command line of one program, declared once: parsing, help and the launcher read this table.
// There are no subcommands, and every input has a name; of some, a program lets the user leave it out.

/// Options that share a heading in the help.
public struct OptionSection: Sendable {
  public let title: String
  public let options: [any DeclaredOption]
  public init(_ title: String, _ options: [any DeclaredOption]) {
    self.title = title
    self.options = options
  }
}

/// What a program accepts. `--help` and `--version` exist in every program and need no declaration.
///
///     enum Options {
///       static let temperature = Option.number(
///         "temperature", default: 0.8, in: .from(0), "0 takes the likeliest character.")
///       static let json = Option.flag("json", "Print JSON.")
///     }
///     let syntax = CommandSyntax(
///       program: "gpt-sample", version: "1.0", summary: "Writes text from a checkpoint.",
///       usage: ["gpt-sample --checkpoint FILE [options]"],
///       sections: [OptionSection("Sampling", [Options.temperature, Options.json])])
///     switch try syntax.parse(CommandLine.arguments.dropFirst()) {
///     case .help: print(syntax.help(width: 80))
///     case .version: print(syntax.versionLine)
///     case .run(let options): run(temperature: options[Options.temperature])
///     }
public struct CommandSyntax: Sendable {
  public let program: String
  public let version: String
  /// One or two sentences: what the program does.
  public let summary: String
  /// Ways to call it, one per line.
  public let usage: [String]
  public let sections: [OptionSection]
  /// Closing text of the help: examples, exit statuses. Printed verbatim.
  public let footer: String
  /// What an argument that belongs to no option was probably meant for, `--data novel.txt`; nil if nobody can tell.
  let meaning: @Sendable (String) -> String?
  /// The name of the option that an argument without one is the value of; nil if it is of none.
  let unnamed: @Sendable (String) -> String?

  let byName: [String: OptionDeclaration]

  /// Traps on programmer errors: a name that is not canonical or is declared twice (`help` and `version` are
  /// reserved), or a default that its own option does not allow.
  public init(
    program: String, version: String, summary: String, usage: [String], sections: [OptionSection],
    footer: String = "", meaningOfStray meaning: @escaping @Sendable (String) -> String? = { _ in nil },
    nameOfUnnamed unnamed: @escaping @Sendable (String) -> String? = { _ in nil }
  ) {
    self.program = program
    self.version = version
    self.summary = summary
    self.usage = usage
    self.sections = sections + [OptionSection("Other", [Self.help, Self.version])]
    self.footer = footer
    self.meaning = meaning
    self.unnamed = unnamed
    let declared = self.sections.flatMap(\.options).map(\.declaration)
    for option in declared {
      precondition(option.name == Self.canonical(option.name), "name of --\(option.name) is not canonical")
      precondition(option.accepts(option.declaredDefault), "--\(option.name) does not allow its own default")
    }
    byName = Dictionary(declared.map { ($0.name, $0) }) { first, _ in
      preconditionFailure("--\(first.name) is declared twice")
    }
  }

  public var versionLine: String { "\(program) \(version)" }

  /// In the order of declaration.
  var options: [OptionDeclaration] { sections.flatMap(\.options).map(\.declaration) }

  /// The option with a name in either spelling, `n_embd` or `n-embd`.
  func option(named name: String) -> OptionDeclaration? { byName[Self.canonical(name)] }

  /// Whether exactly this option is declared, hidden or not.
  func declares(_ option: OptionDeclaration) -> Bool { byName[option.name]?.means(option) ?? false }

  static let help = Option.flag("help", "Print this help.")
  static let version = Option.flag("version", "Print the version.")

  static func canonical(_ name: String) -> String {
    String(name.lowercased().map { $0 == "_" ? "-" : $0 })
  }
}
