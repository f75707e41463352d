// From an argument vector to checked values. Every error is one line: flag, value, what is allowed.

import Platform

/// What the user asked the program to do.
public enum ParsedCommand: Sendable {
  case help
  case version
  case run(ParsedOptions)
}

extension CommandSyntax {
  /// If an option is given more than once, the last value counts, unless it takes one each time.
  /// - Parameter arguments: without the program's own name.
  /// - Returns: `.help` or `.version` as soon as that option is found, else the options.
  /// - Throws: `InvalidInput` at the first invalid argument.
  public func parse(_ arguments: some Sequence<String>) throws -> ParsedCommand {
    var values: [String: OptionDeclaration.CheckedValue] = [:]
    let arguments = Array(arguments)
    var position = 0
    var previous: (option: OptionDeclaration, text: String)?
    while position < arguments.count {
      let argument = arguments[position]
      position += 1
      if argument == "-h" { return .help }
      guard argument.hasPrefix("--"), argument.count > 2 else {
        // A second one is a text whose quotes were forgotten.
        guard argument == "-" || !argument.hasPrefix("-"), let name = unnamed(argument), values[name] == nil,
          let option = byName[name]
        else { throw stray(argument, after: previous) }
        values[name] = try option.value(of: argument)
        previous = (option, argument)
        continue
      }
      previous = nil
      let halves = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let attached = halves.count == 2 ? String(halves[1]) : nil
      guard let option = option(named: String(halves[0])) else { throw unknown(String(halves[0])) }

      if case .flag = option.kind {
        guard attached == nil else {
          throw InvalidInput("--\(option.name) takes no value; write --\(option.name) alone")
        }
        if option.name == Self.help.name { return .help }
        if option.name == Self.version.name { return .version }
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
        continue
      }
      // A negative number is a value; another option is not. `--prompt=--x` passes text that looks like one.
      guard position < arguments.count, !arguments[position].hasPrefix("--") else {
        let found = position < arguments.count ? ", found \(quoted(arguments[position]))" : ""
        throw InvalidInput("\(option.label) has no value\(found)" + option.allowedSuffix)
      }
      values[option.name] = try option.value(of: arguments[position], after: values[option.name])
      if option.takesText { previous = (option, arguments[position]) }
      position += 1
    }
    return .run(ParsedOptions(syntax: self, values: values))
  }

  /// - Parameter previous: the option before it, if that took a text, which may have been meant to be longer.
  private func stray(
    _ argument: String, after previous: (option: OptionDeclaration, text: String)?
  ) -> InvalidInput {
    if argument.hasPrefix("-"), argument.count > 1, argument != "--" {
      let name = String(argument.drop { $0 == "-" })
      return unknown(name, written: argument)
    }
    let whole = previous.map { "--\($0.option.name) \(quoted($0.text + " " + argument))" }
    // What a shell makes of a pattern.
    // Patterns are spread out by the shell.
    let each = previous.flatMap { $0.option.kind == .texts ? ", or --\($0.option.name) before each" : nil }
    let advice =
      (whole ?? meaning(argument)).map { "did you mean \($0)\(each ?? "")?" }
      ?? "every input of \(program) has a name, see --help"
    return InvalidInput("\(quoted(argument)) belongs to no option; \(advice)")
  }

  private func unknown(_ name: String, written: String? = nil) -> InvalidInput {
    let known = options.filter { !$0.isHidden }.map(\.name)
    let canonical = Self.canonical(name)
    let advice =
      ForeignNames.advice(for: canonical) { byName[$0] != nil }
      ?? nearestName(to: canonical, among: known).map { "did you mean --\($0)?" }
      ?? "see \(program) --help"
    return InvalidInput("unknown option \(quoted(written ?? "--" + name)); \(advice)")
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
      guard let number = Int(text) else {
        let digits = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
        let isWhole = !digits.isEmpty && digits.allSatisfy { $0.isASCII && $0.isNumber }
        throw refusal(isWhole ? "is too large for 64 bits" : "is not a whole number")
      }
      guard accepts(.integer(number)) else { throw refusal("is out of range") }
      return .integer(number)
    case .number:
      // Double(_:) also reads nan, inf and hexadecimal.
      guard text.allSatisfy({ "0123456789+-.eE".contains($0) }), let number = Double(text) else {
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
