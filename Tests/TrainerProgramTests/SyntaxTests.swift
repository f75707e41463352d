// The command line of the trainer as its help shows it: no example may rot.

import CommandLineOptions
import Platform
import Testing

@testable import RunPlanning
@testable import TrainerProgram

@Suite struct SyntaxTests {
  @Test func everyExampleIsAPlan() throws {
    #expect((4...8).contains(TrainerOptions.examples.count))
    for example in TrainerOptions.examples {
      for command in example.command.split(separator: " && ") {
        let words = command.split(separator: " ").map(String.init)
        let start = try #require(words.firstIndex(of: "gpt-ddp"), "\(command)")
        #expect(throws: Never.self, "\(command)") { try plan(words[(start + 1)...].joined(separator: " ")) }
      }
    }
  }

  @Test(arguments: [40, 60, 80, 110]) func theHelpKeepsToTheWidth(_ width: Int) {
    let help = TrainerOptions.syntax.help(width: width)
    for line in help.split(separator: "\n") {
      // Names of options and paths are not broken.
      #expect(line.count <= width || !line.drop { $0 == " " }.contains(" "), "\(line)")
    }
    for title in ["What to train on", "Model", "Before a run", "Examples", "Exit status", "Files"] {
      #expect(help.split(separator: "\n").contains { $0 == title }, "\(title)")
    }
  }

  /// Whatever a launcher passes on means the same again.
  @Test func percentagesAndPowersArePassedOnPlainly() throws {
    let arguments = try plan("--val-frac 12.5% --num-steps 1e3 --batch-size 1_6").options.arguments()
    #expect(arguments == ["--val-frac=0.125", "--num-steps=1000", "--batch-size=16"])
  }
}
