// The command line that the tests parse, with an option of every kind.

import CommandLineOptions
import Platform

enum Sample {
  static let preset = Option.choice(
    "preset", ["shakespeare", "names"], default: "shakespeare", "Which defaults to take.")
  static let width = Option.integer(
    "n-embd", defaultText: "128; names 16", in: 1...16_384, "Width of the model.")
  static let maxSteps = Option.integer("max-steps", in: 1...Int.max, "Stop early.")
  static let learningRate = Option.number(
    "learning-rate", "RATE", default: 3e-4, in: .above(0), "Peak learning rate.")
  static let validation = Option.number(
    "val-frac", "FRACTION", default: 0, in: .halfOpen(0..<1), "Held-out part.")
  static let offset = Option.number("offset", default: 0, "Any number.")
  static let seed = Option.integer("seed", default: 42, "Seed.")
  static let data = Option.text("data", "FILE", "Corpus.")
  static let prompt = Option.text("prompt", default: "\n", allowsEmpty: true, "First characters.")
  static let noSave = Option.flag("no-save", "Write nothing.")
  static let diff = Option.pair("diff", "FILE", "Compare two files.")
  static let fault = Option.text("fault", "KIND", "Break something.")
}

let sample = CommandSyntax(
  program: "trainer", version: "1.2", summary: "Trains a model.", usage: ["trainer [options]"],
  sections: [
    OptionSection("Model", [Sample.preset, Sample.width, Sample.maxSteps]),
    OptionSection(
      "Training",
      [
        Sample.learningRate, Sample.validation, Sample.offset, Sample.seed, Sample.data, Sample.prompt,
        Sample.noSave, Sample.diff, Sample.fault.hidden,
      ]),
  ])

func run(_ arguments: String..., by syntax: CommandSyntax = sample) throws -> ParsedOptions {
  guard case .run(let options) = try syntax.parse(arguments) else {
    throw RuntimeFailure("\(arguments) asked for help")
  }
  return options
}
