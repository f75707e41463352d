// The parser against a table of good and bad command lines, each bad one with its exact error.

import Platform
import Testing

@testable import CommandLineOptions

@Suite struct PairOptions {
  @Test func takesTheNextTwoArguments() throws {
    let options = try run("--diff", "a", "b=c", "--no-save")
    let pair = try #require(options[Sample.diff])
    #expect(pair == ("a", "b=c") && options[Sample.noSave])
    #expect(options.arguments() == ["--no-save", "--diff", "a", "b=c"])
    #expect(try run()[Sample.diff] == nil)
  }

  @Test(arguments: [["--diff"], ["--diff", "a"], ["--diff=a", "b"], ["--diff", "a", "--no-save"]])
  func refusesLessThanTwo(arguments: [String]) {
    #expect(throws: InvalidInput("--diff takes two values; write --diff FILE FILE")) {
      try sample.parse(arguments)
    }
  }
}

@Suite struct OptionParsing {
  @Test func bothSpellingsReadTheSame() throws {
    for options in [
      try run("--n-embd", "64"), try run("--n_embd=64"), try run("--N_EMBD", "64"), try run("--n-embd=+64"),
    ] {
      #expect(options[Sample.width] == 64)
      #expect(options.given(Sample.width) == 64)
      #expect(options.isGiven(Sample.width))
    }
  }

  @Test func valuesOfEveryType() throws {
    let options = try run(
      "--preset", "names", "--learning_rate", "1e-3", "--offset", "-2.5", "--seed=-7", "--prompt=--x=y",
      "--no_save", "--fault", "kill", "--data", "ein text.txt")
    #expect(options[Sample.preset] == "names")
    #expect(options[Sample.learningRate] == 1e-3)
    #expect(options[Sample.offset] == -2.5)
    #expect(options[Sample.seed] == -7)
    #expect(options[Sample.prompt] == "--x=y")
    #expect(options[Sample.noSave])
    #expect(options[Sample.fault] == "kill")
    #expect(options[Sample.data] == "ein text.txt")
    #expect(try run("--prompt=")[Sample.prompt] == "")
    #expect(try run("--prompt", "")[Sample.prompt] == "")
  }

  @Test func userOverReaderOverDeclaration() throws {
    let none = try run()
    #expect(none[Sample.learningRate] == 3e-4)
    #expect((none.given(Sample.learningRate) ?? 0.01) == 0.01)
    #expect((none[Sample.width] ?? 16) == 16)
    #expect(none.given(Sample.width) == nil)
    #expect(!none.isGiven(Sample.seed) && !none[Sample.noSave])
    let given = try run("--learning-rate=3e-4", "--n-embd=32")
    #expect((given.given(Sample.learningRate) ?? 0.01) == 3e-4)
    #expect(given.isGiven(Sample.learningRate))
    #expect((given[Sample.width] ?? 16) == 32)
  }

  @Test func theLastOneWins() throws {
    let options = try run(
      "--seed", "1", "--n-embd", "64", "--no-save", "--diff", "a", "b", "--n_embd=32", "--diff", "c", "d",
      "--seed=2", "--no_save")
    #expect(options[Sample.seed] == 2)
    #expect(options[Sample.width] == 32)
    #expect(options[Sample.noSave])
    #expect(options.arguments() == ["--n-embd=32", "--seed=2", "--no-save", "--diff", "c", "d"])
  }

  @Test(arguments: [
    (["--n-embed", "64"], "unknown option '--n-embed'; did you mean --n-embd?"),
    (["--learning"], "unknown option '--learning'; did you mean --learning-rate?"),
    (["--sede=3"], "unknown option '--sede'; did you mean --seed?"),
    (["--faul=3"], "unknown option '--faul'; see trainer --help"),
    (["--frobnicate"], "unknown option '--frobnicate'; see trainer --help"),
    (["-seed", "3"], "unknown option '-seed'; did you mean --seed?"),
    (["-x"], "unknown option '-x'; see trainer --help"),
    (["--=3"], "unknown option '--'; see trainer --help"),
    (["--"], "'--' belongs to no option; every input of trainer has a name, see --help"),
    (["text.txt"], "'text.txt' belongs to no option; every input of trainer has a name, see --help"),
    (["--no-save", "yes"], "'yes' belongs to no option; every input of trainer has a name, see --help"),
    (["--no-save=yes"], "--no-save takes no value; write --no-save alone"),
    (["--n-embd"], "--n-embd INT has no value; allowed: 1 to 16384"),
    (["--data", "--seed", "3"], "--data FILE has no value, found '--seed'"),
    (["--data="], "--data '' is empty; give FILE"),
    (["--n-embd", "0", "--n-embd", "64"], "--n-embd '0' is out of range; allowed: 1 to 16384"),
    (["--n-embd", "0"], "--n-embd '0' is out of range; allowed: 1 to 16384"),
    (["--n-embd", "-3"], "--n-embd '-3' is out of range; allowed: 1 to 16384"),
    (["--n-embd", "6.5"], "--n-embd '6.5' is not a whole number; allowed: 1 to 16384"),
    (["--n-embd", "1.5e0"], "--n-embd '1.5e0' is not a whole number; allowed: 1 to 16384"),
    (["--n-embd", "1e-1"], "--n-embd '1e-1' is not a whole number; allowed: 1 to 16384"),
    (["--n-embd", "1e5"], "--n-embd '1e5' is out of range; allowed: 1 to 16384"),
    (
      ["--n-embd", "1e999999999999"],
      "--n-embd '1e999999999999' is too large for 64 bits; allowed: 1 to 16384"
    ),
    (["--n-embd", "10k"], "--n-embd '10k' is not a whole number; allowed: 1 to 16384"),
    (["--n-embd", "1__0"], "--n-embd '1__0' is not a whole number; allowed: 1 to 16384"),
    (["--n-embd", "10%"], "--n-embd '10%' is not a whole number; allowed: 1 to 16384"),
    (["--learning-rate", "10%"], "--learning-rate '10%' is not a decimal number; allowed: above 0"),
    (["--val-frac", "100%"], "--val-frac '100%' is out of range; allowed: at least 0 and below 1"),
    (["--val-frac", "%"], "--val-frac '%' is not a decimal number; allowed: at least 0 and below 1"),
    (["--val-frac", "1e1%"], "--val-frac '1e1%' is not a decimal number; allowed: at least 0 and below 1"),
    (["--n-embd", ""], "--n-embd '' is not a whole number; allowed: 1 to 16384"),
    (["--max-steps", "0"], "--max-steps '0' is out of range; allowed: at least 1"),
    (
      ["--seed", "99999999999999999999"], "--seed '99999999999999999999' is too large for 64 bits"
    ),
    (["--learning-rate", "0"], "--learning-rate '0' is out of range; allowed: above 0"),
    (["--learning-rate", "nan"], "--learning-rate 'nan' is not a decimal number; allowed: above 0"),
    (["--learning-rate", "inf"], "--learning-rate 'inf' is not a decimal number; allowed: above 0"),
    (["--learning-rate", "0x1p3"], "--learning-rate '0x1p3' is not a decimal number; allowed: above 0"),
    (["--learning-rate", "1e999"], "--learning-rate '1e999' is too large; allowed: above 0"),
    (["--learning-rate", "1 "], "--learning-rate '1 ' is not a decimal number; allowed: above 0"),
    (["--offset", "1,5"], "--offset '1,5' is not a decimal number"),
    (["--val-frac", "1"], "--val-frac '1' is out of range; allowed: at least 0 and below 1"),
    (
      ["--preset", "name"],
      "--preset 'name' is unknown; allowed: shakespeare | names; did you mean names?"
    ),
    (["--preset=NAMES"], "--preset 'NAMES' is unknown; allowed: shakespeare | names; did you mean names?"),
    (["--preset", "haiku"], "--preset 'haiku' is unknown; allowed: shakespeare | names"),
    (["--data", "my", "novel.txt"], "'novel.txt' belongs to no option; did you mean --data 'my novel.txt'?"),
    (["--lr=0.1"], "unknown option '--lr'; did you mean --learning-rate?"),
    (["--Max_LR", "1"], "unknown option '--Max_LR'; did you mean --learning-rate?"),
    (["-d", "x"], "unknown option '-d'; see trainer --help"),
    (["--hidden_size", "64"], "unknown option '--hidden_size'; did you mean --n-embd?"),
    (["--device=cuda"], "unknown option '--device'; everything runs on CPUs in single precision; omit it"),
    // Of the options that have a foreign name, the one that is declared here.
    (["--start", "x"], "unknown option '--start'; did you mean --prompt?"),
    (["--text", "x"], "unknown option '--text'; did you mean --data?"),
    (["--epochs", "3"], "unknown option '--epochs'; see trainer --help"),
    (["--a\nb"], "unknown option '--a\\nb'; see trainer --help"),
    (["e\u{1b}[31m"], "'e\\u{1B}[31m' belongs to no option; every input of trainer has a name, see --help"),
  ])
  func everyRefusalIsOneLine(_ arguments: [String], _ message: String) {
    #expect(throws: InvalidInput(message)) { try sample.parse(arguments) }
    #expect(!message.contains("\n"))
  }

  @Test func aStrayArgumentIsToldWhatItMeans() throws {
    let syntax = CommandSyntax(
      program: "writer", version: "1", summary: "Writes.", usage: ["writer"],
      sections: [OptionSection("All", [Sample.prompt])], meaningOfStray: { "--prompt \(quoted($0))" })
    #expect(throws: InvalidInput("'ROMEO:' belongs to no option; did you mean --prompt 'ROMEO:'?")) {
      try syntax.parse(["ROMEO:"])
    }
  }

  @Test func longInputIsCut() throws {
    let error = #expect(throws: InvalidInput.self) {
      try sample.parse([String(repeating: "x", count: 5_000_000)])
    }
    #expect(try #require(error).message.count < 200)
    #expect(throws: InvalidInput.self) {
      try sample.parse(["--" + String(repeating: "x", count: 5_000_000)])
    }
  }

  @Test func helpAndVersionEndTheParsing() throws {
    guard case .version = try sample.parse(["-V"]) else {
      Issue.record("-V did not ask for the version")
      return
    }
    for arguments in [["--help"], ["-h"], ["--seed", "1", "--help", "--nonsense"]] {
      guard case .help = try sample.parse(arguments) else {
        Issue.record("\(arguments) did not ask for help")
        continue
      }
    }
    guard case .version = try sample.parse(["--version"]) else {
      Issue.record("--version did not ask for the version")
      return
    }
    #expect(sample.versionLine == "trainer 1.2")
  }

  @Test func exclusiveOptions() throws {
    try run("--data=x").atMostOne(of: Sample.data, Sample.noSave)
    #expect(throws: InvalidInput("--data and --no-save exclude each other; give one of them")) {
      try run("--no-save", "--data=x").atMostOne(of: Sample.data, Sample.noSave)
    }
  }
}

@Suite struct ArgumentVectors {
  @Test func explicitOptionsOnlyInOrderOfDeclaration() throws {
    let options = try run(
      "--no_save", "--prompt", "", "--seed=+7", "--n_embd", "064", "--learning-rate", "0.0010")
    #expect(
      options.arguments() == ["--n-embd=64", "--learning-rate=0.001", "--seed=7", "--prompt=", "--no-save"])
    #expect(
      options.arguments(without: [Sample.noSave, Sample.seed]) == [
        "--n-embd=64", "--learning-rate=0.001", "--prompt=",
      ])
    #expect(try run().arguments().isEmpty)
  }

  @Test func parsingTheVectorGivesTheSameVector() throws {
    let first = try run("--offset", "-0.1", "--prompt=--help", "--learning-rate", "1e-300", "--data", "a=b c")
    guard case .run(let second) = try sample.parse(first.arguments()) else {
      Issue.record("the vector asked for help")
      return
    }
    #expect(second.arguments() == first.arguments())
    #expect(second[Sample.prompt] == "--help")
    #expect(second[Sample.learningRate] == 1e-300)
    #expect(second[Sample.data] == "a=b c")
  }
}
