// The command line of gpt-sample, declared once.

import CommandLineOptions
import Platform

enum SamplerOptions {
  static let checkpoint = Option.text(
    "checkpoint", "FILE", default: "checkpoints/shakespeare.jld2", "The model."
  ).completing(".jld2")
  static let prompt = Option.text(
    "prompt", "TEXT", defaultText: "a newline; nothing for names", allowsEmpty: true,
    "What the text begins with.")
  static let temperature = Option.number(
    "temperature", default: 0.8, in: .closed(0...100), "0 takes the likeliest character.")
  static let maximumCharacters = Option.integer(
    "max-chars", default: 512, in: 0...1_000_000_000,
    "Characters to write, beyond the context too; names end sooner.")
  static let sampleCount = Option.integer(
    "num-samples", default: 3, in: 1...1_000_000, "Texts to write.")
  static let seed = Option.integer("seed", default: 42, in: 0...Int.max, "Same seed, same text.")
  static let threads = Option.integer(
    "threads", defaultText: "processors", in: 1...1024, "Threads that share the samples.")
  static let raw = Option.flag("raw", "Only the text: no headings; samples end with a newline.")

  static let inspect = Option.text("inspect", "FILE", "Say what a checkpoint holds.").completing(".jld2")
  static let verify = Option.text("verify", "FILE", "Check digest, structure, weights and hash.")
    .completing(".jld2")
  static let diff = Option.pair(
    "diff", "FILE", "Compare two checkpoints: exit status 0 if the bits are equal, else 1."
  ).completing(".jld2")
  static let json = Option.flag("json", "Print JSON instead of text.")

  static let syntax = CommandSyntax(
    program: "gpt-sample", version: ProgramVersion.current,
    summary:
      "Writes text from a checkpoint of gpt-ddp, of MicroGPT.jl, or of anything that follows the schema.",
    usage: [
      "gpt-sample [--checkpoint FILE] [options]",
      "gpt-sample --inspect FILE | --verify FILE | --diff FILE FILE [--json]",
    ],
    sections: [
      OptionSection(
        "Sampling", [checkpoint, prompt, temperature, maximumCharacters, sampleCount, seed, threads, raw]),
      OptionSection("Checkpoints", [inspect, verify, diff, json]),
    ],
    examples: [
      CommandExample("Three texts of the model that was trained last:", "gpt-sample"),
      CommandExample(
        "A scene that begins as you say:",
        "gpt-sample --prompt 'ROMEO:' --temperature 0.5 --max-chars 1e3"),
      CommandExample(
        "Twenty names:", "gpt-sample --checkpoint checkpoints/names.jld2 --num-samples 20"),
      CommandExample("What a checkpoint holds:", "gpt-sample --inspect checkpoints/names.jld2"),
    ],
    exitStatuses: [
      ManualEntry("0", "Done."), ManualEntry("1", "A failure, or a difference that --diff has found."),
      ManualEntry("2", "Bad input: one line says what."),
    ],
    seeAlso: ["gpt-ddp(1)"],
    meaningOfStray: { argument in
      "--\(argument.hasSuffix(".jld2") ? checkpoint.name : prompt.name) \(quoted(argument))"
    })
}
