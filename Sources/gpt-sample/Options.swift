// The command line of gpt-sample, declared once.

import CommandLineOptions
import Diagnostics

extension CommandSyntax {
  static let gptSample = CommandSyntax(
    program: "gpt-sample", version: "1.0.0",
    summary:
      "Writes text from a checkpoint of gpt-ddp, of the Julia program, or of anything that follows the schema.",
    usage: [
      "gpt-sample [--checkpoint FILE] [options]",
      "gpt-sample --inspect FILE | --verify FILE | --diff FILE FILE [--json]",
    ],
    sections: [
      OptionSection(
        "Sampling",
        [
          .text("checkpoint", "FILE", default: "checkpoints/shakespeare.jld2", "The model."),
          .text(
            "prompt", "TEXT", defaultText: "a newline; nothing for names", allowsEmpty: true,
            "What the text begins with."),
          .number("temperature", default: 0.8, in: .closed(0...100), "0 takes the likeliest character."),
          .integer(
            "max-chars", default: 512, in: 0...1_000_000_000,
            "Characters to write, beyond the context too; names end sooner."),
          .integer("num-samples", default: 3, in: 1...1_000_000, "Texts to write."),
          .integer("seed", default: 42, in: 0...Int.max, "Same seed, same text."),
          .integer("threads", defaultText: "cores", in: 1...1024, "Threads that share the samples."),
          .flag("raw", "Only the text: no headings; samples end with a newline."),
        ]),
      OptionSection(
        "Checkpoints",
        [
          .text("inspect", "FILE", "Say what a checkpoint holds."),
          .text("verify", "FILE", "Check digest, structure, weights and hash."),
          .pair("diff", "FILE", "Compare two checkpoints: exit status 0 if the bits are equal, else 1."),
          .flag("json", "Print JSON instead of text."),
        ]),
      OptionSection(
        "Measurement",
        [
          .integer(
            "benchmark", "N", in: 1...1_000_000,
            "Print the speed of generating N characters a stream as JSON."),
          .integer("streams", "N", default: 1, in: 1...1024, "Streams that advance together in --benchmark."),
        ]),
    ],
    footer: """
      Exit status: 0 done, 1 failure or a difference, 2 bad input.
      """)
}
