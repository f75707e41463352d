// Arguments whose option a program lets the user leave out.

import CommandLineOptions
import Platform
import Testing

@Suite struct UnnamedArguments {
  /// Arguments in capitals are data, - is a prompt, others are nothing.
  private let syntax = CommandSyntax(
    program: "trainer", version: "1.2", summary: "Trains a model.", usage: ["trainer [DATA] [options]"],
    sections: [OptionSection("All", [Sample.data, Sample.prompt, Sample.seed])],
    meaningOfStray: { "--data '\($0)'" },
    nameOfUnnamed: { $0 == "-" ? "prompt" : $0.first?.isUppercase == true ? "data" : nil })

  @Test func areValuesOfTheirOption() throws {
    let options = try run("--seed", "3", "ABC def", by: syntax)
    #expect(options[Sample.data] == "ABC def" && options[Sample.seed] == 3)
    #expect(
      options.arguments() == ["--seed=3", "--data=ABC def"]
        || options.arguments() == ["--data=ABC def", "--seed=3"])
    // After an option with a text, too.
    let both = try run("--prompt", "x", "ABC", by: syntax)
    #expect(both[Sample.prompt] == "x" && both[Sample.data] == "ABC")
    #expect(try run("-", by: syntax)[Sample.prompt] == "-")
  }

  @Test(arguments: [
    (["abc"], "'abc' belongs to no option; did you mean --data 'abc'?"),
    (["ABC", "DEF"], "'DEF' belongs to no option; did you mean --data 'ABC DEF'?"),
    (["--data", "ABC", "DEF"], "'DEF' belongs to no option; did you mean --data 'ABC DEF'?"),
    (["-x"], "unknown option '-x'; see trainer --help"),
  ]) func areRefusedWhereTheyMeanNothing(arguments: [String], message: String) {
    #expect(throws: InvalidInput(message)) { try syntax.parse(arguments) }
  }
}
