// The command line of gpt-sample, declared once.

import CommandLineOptions
import Platform

enum SamplerOptions {
  // MARK: The model

  static let checkpoint = Option.text(
    "checkpoint", "FILE", defaultText: "the newest run's best state in --folder",
    "The model."
  ).completing(".jld2")
  static let folder = Option.text(
    "folder", "FOLDER", default: "checkpoints", "Where checkpoints are looked for.")
  static let newest = Option.flag(
    "newest", "Without --checkpoint: the last state, even if an earlier one was validated better.")

  // MARK: The text

  static let prompt = Option.text(
    "prompt", "TEXT", defaultText: "a newline; nothing for names", allowsEmpty: true,
    "What the text begins with; --prompt itself may be left out.")
  static let promptFile = Option.text(
    "prompt-file", "FILE", "The same from a file, without its last line end; - is standard input.")
  static let escapes = Option.flag(
    "escapes", #"In prompts and --stop, \n \t \r \\ \u{C4} are the characters that they name."#)
  static let stop = Option.texts(
    "stop", "TEXT", "End a text before it would contain this; may be given more than once.")
  static let maximumCharacters = Option.integer(
    "max-chars", default: 512, in: 0...1_000_000_000,
    "Characters to write, beyond the context too; names end sooner.")
  static let sampleCount = Option.integer(
    "num-samples", defaultText: "3; 1 with --follow", in: 1...1_000_000, "Texts to write.")
  static let context = Option.text(
    "context", "keep=N", defaultText: "keep=0",
    "When the context is full: characters at the beginning that stay while the rest slides.")

  // MARK: Sampling

  static let temperature = Option.number(
    "temperature", default: 0.8, in: .closed(0...100), "0 takes the likeliest character.")
  static let topK = Option.integer(
    "top-k", default: 0, in: 0...Int.max, "Draw from the k likeliest characters; 0 = all.")
  static let topP = Option.number(
    "top-p", default: 1, in: .closed(0...1),
    "Draw from the likeliest characters that together have this probability; 1 = all.")
  static let minP = Option.number(
    "min-p", default: 0, in: .closed(0...1),
    "Draw from characters at least this fraction as likely as the likeliest; 0 = all.")
  static let repeatPenalty = Option.number(
    "repeat-penalty", default: 1, in: .above(0, upTo: 100),
    "Above 1, characters used lately become less likely; 1 = off.")
  static let repeatLastCount = Option.integer(
    "repeat-last-n", default: 64, in: -1...1_000_000_000,
    "How many characters are lately; 0 = none, -1 = as many as the context.")
  static let seed = Option.text(
    "seed", "INT|random", default: "42", "Same seed, same text; random takes one and says which.")
  static let threads = Option.integer(
    "threads", defaultText: "processors; 1 with --follow", in: 1...1024,
    "Threads that share the work; no text depends on them.")

  // MARK: Ways to write

  static let raw = Option.flag("raw", "Only the text: no headings; samples end with a newline.")
  static let interactive = Option.flag(
    "interactive", "Type a line, and the model goes on from there; :help says more.")
  static let follow = Option.flag(
    "follow", "Sample each new state of --checkpoint while its training runs.")
  static let json = Option.flag(
    "json", "JSON instead of text; of samples a line each, with log-probabilities in nats.")

  // MARK: Other tasks

  static let score = Option.text(
    "score", "FILE", "How well the model predicts a text, - from standard input.")
  static let stride = Option.integer(
    "stride", defaultText: "half the context", in: 1...1_000_000_000,
    "Characters between the windows of --score, which are as long as the context.")
  static let list = Option.flag("list", "Say what checkpoints are in --folder.")
  static let prune = Option.flag(
    "prune", "Remove old checkpoints from --folder: asks first; the newest and the best stay.")
  static let keep = Option.integer(
    "keep", default: 1, in: 1...1_000_000, "States of each run that --prune leaves, the newest included.")
  static let yes = Option.flag("yes", "Let --prune remove without asking.")
  static let inspect = Option.text("inspect", "FILE", "Say what a checkpoint holds.").completing(".jld2")
  static let verify = Option.text("verify", "FILE", "Check digest, structure, weights and hash.")
    .completing(".jld2")
  static let diff = Option.pair(
    "diff", "FILE", "Compare two checkpoints: exit status 0 if the bits are equal, else 1."
  ).completing(".jld2")

  static let syntax = CommandSyntax(
    program: "gpt-sample", version: ProgramVersion.current,
    summary:
      "Writes text from a checkpoint of gpt-ddp, of MicroGPT.jl, or of anything that follows the schema.",
    usage: [
      "gpt-sample [TEXT | -] [options]",
      "gpt-sample --interactive | --follow | --score FILE [options]",
      "gpt-sample --list | --prune [--folder FOLDER]",
      "gpt-sample --inspect FILE | --verify FILE | --diff FILE FILE [--json]",
    ],
    sections: [
      OptionSection("Model", [checkpoint, folder, newest]),
      OptionSection(
        "Text",
        [
          prompt, promptFile, escapes, stop, maximumCharacters, sampleCount, seed, context, threads,
        ]),
      OptionSection(
        "Sampling, in this order", [repeatPenalty, repeatLastCount, topK, topP, minP, temperature]),
      OptionSection("Ways to write", [raw, json, interactive, follow]),
      OptionSection("Scoring", [score, stride]),
      OptionSection("Checkpoints", [list, prune, keep, yes, inspect, verify, diff]),
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
    },
    nameOfUnnamed: { argument in
      argument == "-" ? promptFile.name : argument.hasSuffix(".jld2") ? nil : prompt.name
    })
}
