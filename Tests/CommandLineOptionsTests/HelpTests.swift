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
          --help                  Print this help.
          --version               Print the version.
        """)
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
