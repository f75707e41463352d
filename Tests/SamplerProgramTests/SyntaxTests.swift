// The command line of gpt-sample as its help shows it: no example may rot.

import Testing

@testable import CommandLineOptions
@testable import SamplerProgram

@Suite struct SamplerSyntax {
  @Test func everyExampleIsACommandLine() throws {
    #expect(!SamplerOptions.syntax.examples.isEmpty)
    for example in SamplerOptions.syntax.examples {
      let words = try ShellWords.lines(of: example.command)
      try #require(words.count == 1 && words[0][0].text == "gpt-sample", "\(example.command)")
      guard case .run = try SamplerOptions.syntax.parse(words[0].dropFirst().map(\.text)) else {
        Issue.record("\(example.command) runs nothing")
        continue
      }
    }
  }

  @Test(arguments: [40, 80]) func theHelpKeepsToTheWidth(_ width: Int) {
    for line in SamplerOptions.syntax.help(width: width).split(separator: "\n") {
      #expect(line.count <= width || !line.drop { $0 == " " }.contains(" "), "\(line)")
    }
  }
}
