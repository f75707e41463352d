// The generated help and the suggestions.

import Testing

@testable import CommandLineOptions

@Suite struct Help {
  @Test func showsEveryOptionWithDefaultAndRange() {
    let help = sample.help(width: 80)
    #expect(
      help == """
        Trains a model.

        Usage: trainer [options]

        Model
          --preset NAME           Which defaults to take. (shakespeare | names; default
                                  shakespeare)
          --n-embd INT            Width of the model. (1 to 16384; default 128; names
                                  16)
          --max-steps INT         Stop early. (at least 1)

        Training
          --learning-rate RATE    Peak learning rate. (above 0; default 0.0003)
          --val-frac FRACTION     Held-out part. (at least 0 and below 1; default 0)
          --offset NUMBER         Any number. (default 0)
          --seed INT              Seed. (default 42)
          --data FILE             Corpus.
          --prompt TEXT           First characters. (default '\\n')
          --no-save               Write nothing.
          --diff FILE FILE        Compare two files.

        Other
          -h, --help              Print this help.
          -V, --version           Print the version and facts of the build.
        """)
  }

  /// What follows the options, and commands that can be pasted however narrow the window is.
  @Test func examplesStatusesAndFiles() {
    let syntax = CommandSyntax(
      program: "p", version: "1", summary: "S.", usage: ["p [options]   (aligned)"], sections: [],
      examples: [CommandExample("Do it:", "p --data 'my novel.txt' --n-embd 64 --seed 7 > log")],
      exitStatuses: [ManualEntry("0", "Done."), ManualEntry("130", "Stopped.")],
      files: [ManualEntry("~/.cache/p", "Kept.")], footer: "One line.\nAnother one.")
    #expect(
      syntax.help(width: 40) == """
        S.

        Usage: p [options]   (aligned)

        Other
          -h, --help        Print this help.
          -V, --version     Print the version
                            and facts of the
                            build.

        Examples
          Do it:
            p --data 'my novel.txt' \\
              --n-embd 64 --seed 7 > log

        Exit status
          0    Done.
          130  Stopped.

        Files
          ~/.cache/p  Kept.

        One line.
        Another one.
        """)
  }

  @Test func theVersionHasItsNumberFirst() {
    #expect(
      sample.version(facts: [("cpu", "native"), ("kernels", "x")])
        == "trainer 1.2\ncpu      native\nkernels  x")
  }

  @Test(arguments: [1, 40, 60, 80, 200])
  func keepsToTheWidth(_ width: Int) {
    for line in sample.help(width: width).split(separator: "\n") {
      #expect(line.count <= max(width, 40), "\(line)")
      #expect(line.last != " ")
    }
  }

  @Test func nearness() {
    #expect(editDistance("", "abc") == 3)
    #expect(editDistance("seed", "sede") == 1)
    #expect(editDistance("kitten", "sitting") == 3)
    #expect(nearestName(to: "batchsize", among: ["batch-size", "beta1"]) == "batch-size")
    #expect(nearestName(to: "x", among: ["np", "seed"]) == nil)
    #expect(nearestName(to: "", among: ["np"]) == nil)
  }
}
