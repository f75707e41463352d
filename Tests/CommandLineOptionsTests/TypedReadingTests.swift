// Values come back in the type of their declaration: from the user, from the declared default, or nil.
// Public interface only, as a program sees it.

import CommandLineOptions
import Testing

@Suite struct TypedReading {
  let flag = Option.flag("flag", "")
  let integer = Option.integer("integer", default: 3, in: 0...9, "")
  let maybeInteger = Option.integer("maybe-integer", in: 0...9, "")
  let number = Option.number("number", default: 0.5, in: .closed(0...1), "")
  let maybeNumber = Option.number("maybe-number", in: .closed(0...1), "")
  let text = Option.text("text", default: "some", "")
  let maybeText = Option.text("maybe-text", "FILE", "")
  let choice = Option.choice("choice", ["left", "right"], default: "left", "")
  let maybeChoice = Option.choice("maybe-choice", ["left", "right"], "SIDE", "")
  let pair = Option.pair("pair", "FILE", "")

  var all: [any DeclaredOption] {
    [flag, integer, maybeInteger, number, maybeNumber, text, maybeText, choice, maybeChoice, pair]
  }
  var syntax: CommandSyntax {
    CommandSyntax(
      program: "p", version: "1", summary: "s", usage: ["p"], sections: [OptionSection("All", all)])
  }

  @Test func theFactoriesDecideTheType() {
    let _: Option<Bool> = flag
    let _: (Option<Int>, Option<Int?>) = (integer, maybeInteger)
    let _: (Option<Double>, Option<Double?>) = (number, maybeNumber)
    let _: (Option<String>, Option<String?>) = (text, maybeText)
    let _: (Option<String>, Option<String?>) = (choice, maybeChoice)
    let _: Option<(String, String)?> = pair
    let _: [any DeclaredOption] = [flag, integer.hidden, pair.showing(default: "none")]
  }

  @Test func defaultsWhereNothingIsGiven() throws {
    let options = try run(by: syntax)
    #expect(options[flag] == false)
    #expect(options[integer] == 3)
    #expect(options[maybeInteger] == nil)
    #expect(options[number] == 0.5)
    #expect(options[maybeNumber] == nil)
    #expect(options[text] == "some")
    #expect(options[maybeText] == nil)
    #expect(options[choice] == "left")
    #expect(options[maybeChoice] == nil)
    #expect(options[pair] == nil)
    #expect(options.given(flag) == nil)
    #expect(options.given(integer) == nil)
    #expect(options.given(maybeInteger) == nil)
    #expect(options.given(number) == nil)
    #expect(options.given(text) == nil)
    #expect(options.given(choice) == nil)
    #expect(options.given(pair) == nil)
    for option in all { #expect(!options.isGiven(option), "\(option.name)") }
  }

  @Test func whatTheUserGives() throws {
    let options = try run(
      "--flag", "--integer=4", "--maybe-integer=5", "--number=0.25", "--maybe-number=1", "--text=a",
      "--maybe-text=b", "--choice=right", "--maybe-choice=left", "--pair", "x", "y", by: syntax)
    #expect(options[flag])
    #expect(options[integer] == 4)
    #expect(options[maybeInteger] == 5)
    #expect(options[number] == 0.25)
    #expect(options[maybeNumber] == 1)
    #expect(options[text] == "a")
    #expect(options[maybeText] == "b")
    #expect(options[choice] == "right")
    #expect(options[maybeChoice] == "left")
    #expect(try #require(options[pair]) == ("x", "y"))
    #expect(options.given(flag) == true)
    #expect(options.given(integer) == 4)
    #expect(options.given(maybeInteger) == 5)
    #expect(options.given(number) == 0.25)
    #expect(options.given(text) == "a")
    #expect(options.given(choice) == "right")
    #expect(try #require(options.given(pair)) == ("x", "y"))
    for option in all { #expect(options.isGiven(option), "\(option.name)") }
  }

  /// An optional option refuses what its range excludes, as one with a default does.
  @Test(arguments: ["--maybe-integer=10", "--maybe-number=2", "--maybe-choice=up", "--maybe-text="])
  func optionalIsNotUnchecked(argument: String) {
    #expect(throws: (any Error).self) { try run(argument, by: syntax) }
  }

  @Test func aGivenDefaultIsGiven() throws {
    let options = try run("--integer=3", by: syntax)
    #expect(options.given(integer) == 3 && options.isGiven(integer))
  }

  @Test func hidingAndShowingKeepTheKey() throws {
    let shown = CommandSyntax(
      program: "p", version: "1", summary: "s", usage: ["p"],
      sections: [OptionSection("All", [integer.showing(default: "as many as fit"), number.hidden, text])])
    let options = try run("--number=1", by: shown)
    #expect(options[integer] == 3)
    #expect(options[number] == 1 && options[number.hidden] == 1)
    #expect(shown.help(width: 80).contains("default as many as fit"))
    #expect(!shown.help(width: 80).contains("--number"))
  }

  @Test func whatGenericTablesPrint() {
    #expect(flag.name == "flag" && pair.declaration.name == "pair")
    #expect(decimal(3) == "3" && decimal(-0.1) == "-0.1" && decimal(1e-300) == "1e-300")
    #expect(quoted("a\nb") == "'a\\nb'")
    #expect(NumberRange.any.text == nil)
    #expect(NumberRange.above(0, upTo: 100).text == "above 0 and at most 100")
    #expect(NumberRange.halfOpen(0..<1).contains(0) && !NumberRange.halfOpen(0..<1).contains(1))
  }
}
