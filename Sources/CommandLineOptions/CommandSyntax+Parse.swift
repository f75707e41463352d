// From an argument vector to checked values. Every error is one line: flag, value, what is allowed.

import Platform

/// What the user asked the program to do.
public enum ParsedCommand: Sendable {
  case help
  case version
  /// A text to print that follows from the options alone: the manual page, completions for a shell.
  case document(String)
  case run(ParsedOptions)
}

extension CommandSyntax {
  /// If an option is given more than once, the last value counts, unless it takes one each time. What is given here
  /// counts more than what stands in the file of `optionFile`.
  ///
  /// - Parameter arguments: without the program's own name.
  /// - Returns: `.help`, `.version` or `.document` as soon as that option is found, else the options.
  /// - Throws: `InvalidInput` at the first invalid argument.
  public func parse(_ arguments: some Sequence<String>) throws -> ParsedCommand {
    var reader = ArgumentReader(self, Array(arguments))
    if let command = try reader.read() { return command }
    guard let optionFile, let path = reader.values.removeValue(forKey: optionFile.name)?.text else {
      return .run(ParsedOptions(syntax: self, values: reader.values))
    }
    let file = try OptionFile(path, for: self, as: optionFile.name)
    var inFile = ArgumentReader(self, file.arguments)
    var origins: [String: String] = [:]
    do {
      if try inFile.read(noting: { origins[$0] = "\(path):\(file.lines[$1])" }) != nil {
        throw InvalidInput("this option prints something and ends; it does not belong into a file")
      }
      if inFile.values[optionFile.name] != nil {
        inFile.start = file.arguments.firstIndex { $0.hasPrefix("--\(optionFile.name)") } ?? 0
        throw InvalidInput("a file of options cannot name another; put its options here")
      }
    } catch let error as InvalidInput {
      let line = file.lines.indices.contains(inFile.start) ? file.lines[inFile.start] : file.lines.last ?? 1
      throw InvalidInput("\(visible(path)):\(line): \(error.message)")
    }
    let values = inFile.values.merging(reader.values) { $1 }
    for name in reader.values.keys { origins[name] = nil }
    return .run(ParsedOptions(syntax: self, values: values, origins: origins))
  }

  func unknown(_ name: String, written: String? = nil) -> InvalidInput {
    let known = options.filter { !$0.isHidden }.map(\.name)
    let canonical = Self.canonical(name)
    let advice =
      ForeignNames.advice(for: canonical) { byName[$0] != nil }
      ?? nearestName(to: canonical, among: known).map { "did you mean --\($0)?" }
      ?? "see \(program) --help"
    return InvalidInput("unknown option \(quoted(written ?? "--" + name)); \(advice)")
  }
}

/// One argument vector on its way to values.
private struct ArgumentReader {
  let syntax: CommandSyntax
  let arguments: [String]
  var values: [String: OptionDeclaration.CheckedValue] = [:]
  /// The argument that is being read: where an error is.
  var start = 0

  init(_ syntax: CommandSyntax, _ arguments: [String]) {
    self.syntax = syntax
    self.arguments = arguments
  }

  /// - Parameter note: hears of each option, by name, and which argument gave it.
  /// - Returns: what ends the parsing, if there is such an option.
  mutating func read(noting note: (String, Int) -> Void = { _, _ in }) throws -> ParsedCommand? {
    var position = 0
    var previous: (option: OptionDeclaration, text: String)?
    while position < arguments.count {
      let argument = arguments[position]
      start = position
      position += 1
      if argument == "-h" { return .help }
      if argument == "-V" { return .version }
      guard argument.hasPrefix("--"), argument.count > 2 else {
        // A second one is a text whose quotes were forgotten.
        guard argument == "-" || !argument.hasPrefix("-"), let name = syntax.unnamed(argument),
          values[name] == nil, let option = syntax.byName[name]
        else { throw stray(argument, after: previous) }
        values[name] = try option.value(of: argument)
        previous = (option, argument)
        continue
      }
      previous = nil
      let halves = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let attached = halves.count == 2 ? String(halves[1]) : nil
      guard let option = syntax.option(named: String(halves[0])) else {
        throw syntax.unknown(String(halves[0]))
      }
      note(option.name, start)

      if case .flag = option.kind {
        guard attached == nil else {
          throw InvalidInput("--\(option.name) takes no value; write --\(option.name) alone")
        }
        if let command = ending(option.name) { return command }
        values[option.name] = .set
        continue
      }
      if case .pair = option.kind {
        // People and shells would read `--diff=A B` differently.
        guard attached == nil, position + 1 < arguments.count,
          !arguments[position].hasPrefix("--"), !arguments[position + 1].hasPrefix("--")
        else { throw InvalidInput("--\(option.name) takes two values; write \(option.label)") }
        let texts = [arguments[position], arguments[position + 1]]
        if texts.contains("") { throw InvalidInput("\(option.label) has an empty value; give both") }
        values[option.name] = .pair(texts[0], texts[1])
        position += 2
        continue
      }
      if let attached {
        values[option.name] = try option.value(of: attached, after: values[option.name])
      } else {
        // A negative number is a value; another option is not. `--prompt=--x` passes text that looks like one.
        guard position < arguments.count, !arguments[position].hasPrefix("--") else {
          let found = position < arguments.count ? ", found \(quoted(arguments[position]))" : ""
          throw InvalidInput("\(option.label) has no value\(found)" + option.allowedSuffix)
        }
        values[option.name] = try option.value(of: arguments[position], after: values[option.name])
        if option.takesText { previous = (option, arguments[position]) }
        position += 1
      }
      if let command = ending(option.name) { return command }
    }
    return nil
  }

  /// What an option that every program has asks for.
  private func ending(_ name: String) -> ParsedCommand? {
    switch name {
    case CommandSyntax.help.name: return .help
    case CommandSyntax.version.name: return .version
    case CommandSyntax.printManual.name: return .document(syntax.manual)
    case CommandSyntax.printCompletion.name:
      return values[name]?.text.flatMap(Shell.init).map { .document(syntax.completion(for: $0)) }
    default: return nil
    }
  }

  /// - Parameter previous: the option before it, if that took a text, which may have been meant to be longer.
  private func stray(
    _ argument: String, after previous: (option: OptionDeclaration, text: String)?
  ) -> InvalidInput {
    if argument.hasPrefix("-"), argument.count > 1, argument != "--" {
      let name = String(argument.drop { $0 == "-" })
      return syntax.unknown(name, written: argument)
    }
    let whole = previous.map { "--\($0.option.name) \(quoted($0.text + " " + argument))" }
    // Patterns are spread out by the shell.
    let each = previous.flatMap { $0.option.kind == .texts ? ", or --\($0.option.name) before each" : nil }
    let advice =
      (whole ?? syntax.meaning(argument)).map { "did you mean \($0)\(each ?? "")?" }
      ?? "every input of \(syntax.program) has a name, see --help"
    return InvalidInput("\(quoted(argument)) belongs to no option; \(advice)")
  }
}

extension OptionDeclaration {
  /// Checks `text` and converts it to the option's value.
  /// - Throws: `InvalidInput` naming the option, the text and what is allowed.
  ///
  /// - Parameter earlier: what the option was given before.
  func value(of text: String, after earlier: CheckedValue? = nil) throws -> CheckedValue {
    func refusal(_ problem: String) -> InvalidInput {
      InvalidInput("--\(name) \(quoted(text)) \(problem)" + allowedSuffix)
    }
    switch kind {
    case .flag, .pair:
      preconditionFailure("the parser itself handles options with no value or two")
    case .integer:
      switch NumberText.integer(text) {
      case .success(let number):
        guard accepts(.integer(number)) else { throw refusal("is out of range") }
        return .integer(number)
      case .failure(.tooLarge): throw refusal("is too large for 64 bits")
      case .failure(.notWhole): throw refusal("is not a whole number")
      }
    case .number(let allowed):
      guard let number = NumberText.number(text, isFraction: allowed.isOfFractions) else {
        throw refusal("is not a decimal number")
      }
      guard number.isFinite else { throw refusal("is too large") }
      guard accepts(.number(number)) else { throw refusal("is out of range") }
      return .number(number)
    case .text:
      guard accepts(.text(text)) else { throw refusal("is empty; give \(valueName ?? "a value")") }
      return .text(text)
    case .texts:
      guard !text.isEmpty else { throw refusal("is empty; give \(valueName ?? "a value")") }
      return .texts((earlier?.texts ?? []) + [text])
    case .choice(let choices):
      guard accepts(.text(text)) else {
        let meant = nearestName(to: text.lowercased(), among: choices).map { "; did you mean \($0)?" }
        throw InvalidInput(refusal("is unknown").message + (meant ?? ""))
      }
      return .text(text)
    }
  }

  /// Whether a value of the right type is allowed; nil (no default) always is.
  func accepts(_ value: CheckedValue?) -> Bool {
    switch (kind, value) {
    case (_, nil), (.flag, .set): true
    case (.integer(let allowed), .integer(let number)): allowed.contains(number)
    case (.number(let allowed), .number(let number)): number.isFinite && allowed.contains(number)
    case (.text(let allowsEmpty), .text(let text)): allowsEmpty || !text.isEmpty
    case (.texts, .texts(let texts)): !texts.contains("")
    case (.pair, .pair(let first, let second)): !first.isEmpty && !second.isEmpty
    case (.choice(let choices), .text(let text)): choices.contains(text)
    default: false
    }
  }

  fileprivate var takesText: Bool {
    switch kind {
    case .text, .texts: true
    default: false
    }
  }

  fileprivate var allowedSuffix: String { allowedText.map { "; allowed: \($0)" } ?? "" }
}
