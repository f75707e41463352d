// The whole command line of one program, declared once: parsing, help, manual page, completion and the launcher read
// this table. There are no subcommands, and every input has a name; of some, a program lets the user leave it out.

/// Options that share a heading in the help.
public struct OptionSection: Sendable {
  public let title: String
  public let options: [any DeclaredOption]
  public init(_ title: String, _ options: [any DeclaredOption]) {
    self.title = title
    self.options = options
  }
}

/// A command that works, for the help.
public struct CommandExample: Sendable {
  /// `Two ranks of this machine`
  public let purpose: String
  /// To be typed into a shell, on one line.
  public let command: String
  public init(_ purpose: String, _ command: String) {
    self.purpose = purpose
    self.command = command
  }
}

/// Something that a manual page lists: an exit status, a file, a variable, and what it means.
public struct ManualEntry: Sendable {
  public let name: String
  public let meaning: String
  public init(_ name: String, _ meaning: String) {
    self.name = name
    self.meaning = meaning
  }
}

/// What a program accepts. `--help`, `--version` and those that print the manual page and completions exist in every
/// program and need no declaration.
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
///     case .document(let text): print(text)
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
  public let examples: [CommandExample]
  public let exitStatuses: [ManualEntry]
  public let files: [ManualEntry]
  public let environment: [ManualEntry]
  /// Other programs, `gpt-sample(1)`.
  public let seeAlso: [String]
  /// Closing text of the help.
  public let footer: String
  /// The option that names a file with more options; nil where there is none.
  let optionFile: Option<String?>?
  /// What an argument that belongs to no option was probably meant for, `--data novel.txt`; nil if nobody can tell.
  let meaning: @Sendable (String) -> String?
  /// The name of the option that an argument without one is the value of; nil if it is of none.
  let unnamed: @Sendable (String) -> String?

  let byName: [String: OptionDeclaration]

  /// Traps on programmer errors: a name that is not canonical or is declared twice (those of `builtIn` are
  /// reserved), or a default that its own option does not allow.
  ///
  /// - Parameter optionFile: one of the options in `sections`.
  public init(
    program: String, version: String, summary: String, usage: [String], sections: [OptionSection],
    examples: [CommandExample] = [], exitStatuses: [ManualEntry] = [], files: [ManualEntry] = [],
    environment: [ManualEntry] = [], seeAlso: [String] = [], footer: String = "",
    optionFile: Option<String?>? = nil,
    meaningOfStray meaning: @escaping @Sendable (String) -> String? = { _ in nil },
    nameOfUnnamed unnamed: @escaping @Sendable (String) -> String? = { _ in nil }
  ) {
    self.program = program
    self.version = version
    self.summary = summary
    self.usage = usage
    self.sections = sections + [OptionSection("Other", Self.builtIn)]
    self.examples = examples
    self.exitStatuses = exitStatuses
    self.files = files
    self.environment = environment
    self.seeAlso = seeAlso
    self.footer = footer
    self.optionFile = optionFile
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

  /// The first line of `--version`, for scripts.
  public var versionLine: String { "\(program) \(version)" }

  /// `--version`: the first line, then a fact a line.
  public func version(facts: [(subject: String, text: String)]) -> String {
    let width = 2 + (facts.map(\.subject.count).max() ?? 0)
    return ([versionLine] + facts.map { $0.subject.padded(to: width) + $0.text }).joined(separator: "\n")
  }

  /// In the order of declaration.
  var options: [OptionDeclaration] { sections.flatMap(\.options).map(\.declaration) }

  /// The option with a name in either spelling, `n_embd` or `n-embd`.
  func option(named name: String) -> OptionDeclaration? { byName[Self.canonical(name)] }

  /// Whether exactly this option is declared, hidden or not.
  func declares(_ option: OptionDeclaration) -> Bool { byName[option.name]?.means(option) ?? false }

  static let help = Option.flag("help", "Print this help.").abbreviated("h")
  static let version = Option.flag("version", "Print the version and facts of the build.").abbreviated("V")
  static let printManual = Option.flag("print-man", "Print the manual page.").hidden
  static let printCompletion = Option<String?>.choice(
    "print-completion", Shell.allCases.map(\.rawValue), "SHELL", "Print completions for a shell."
  ).hidden

  static let builtIn: [any DeclaredOption] = [help, version, printManual, printCompletion]

  static func canonical(_ name: String) -> String {
    String(name.lowercased().map { $0 == "_" ? "-" : $0 })
  }
}
