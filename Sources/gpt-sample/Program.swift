// What the command line asks for, and its exit status.

import Checkpointing
import CommandLineOptions
import Diagnostics
import Foundation
import GPTModel

enum Program {
  /// - Returns: the exit status.
  static func run(_ arguments: [String]) -> Int32 {
    // Written to `head`, the program ends when its reader has had enough.
    signal(SIGPIPE, SIG_DFL)
    do {
      switch try CommandSyntax.gptSample.parse(arguments) {
      case .help:
        print(CommandSyntax.gptSample.help(width: min(Terminal.standardOutput.width, 110)))
        return ExitStatus.success
      case .version:
        print(CommandSyntax.gptSample.versionLine)
        return ExitStatus.success
      case .run(let options):
        return try run(options)
      }
    } catch {
      StandardStream.error.line("error: \(error)")
      return error is InvalidInput ? ExitStatus.usage : ExitStatus.failure
    }
  }

  private static func run(_ options: ParsedOptions) throws -> Int32 {
    try options.atMostOne(of: "inspect", "verify", "diff", "benchmark")
    let isJSON = options.flag("json")
    let report: CheckpointReport
    if let path = options.givenString("inspect") {
      report = try .inspect(path, json: isJSON)
    } else if let path = options.givenString("verify") {
      report = .verify(path, json: isJSON)
    } else if let (first, second) = options.givenPair("diff") {
      report = try .diff(first, second, json: isJSON)
    } else {
      if isJSON, !options.isGiven("benchmark") {
        throw InvalidInput("--json belongs to --inspect, --verify and --diff")
      }
      try sample(options)
      return ExitStatus.success
    }
    print(report.text)
    return report.status
  }

  private static func sample(_ options: ParsedOptions) throws {
    let snapshot = try CheckpointFile.read(options.string("checkpoint"))
    let model = PreparedModel(
      configuration: snapshot.configuration, weights: snapshot.weights, isTraining: false)
    model.prepareAll()
    let threads = options.int("threads", default: ProcessInfo.processInfo.activeProcessorCount)
    if let count = options.givenInt("benchmark") {
      let speed = Benchmark.tokensPerSecond(
        model, tokens: count, streams: options.int("streams"), threads: threads)
      print("{\"tokens_per_second\": \(speed)}")
      return
    }
    var request = GenerationRequest(workflow: snapshot.workflow)
    request.prompt = options.givenString("prompt")
    request.temperature = options.double("temperature")
    request.maximumCharacters = options.int("max-chars")
    request.seed = UInt64(options.int("seed"))
    let count = options.int("num-samples")
    let generator = Generator(model: model, tokenizer: snapshot.tokenizer, threads: threads)
    _ = try generator.startTokens(request)
    let prompt = request.prompt ?? ""
    let output = SampleOutput(count: count, prompt: prompt, isRaw: options.flag("raw"))
    try generator.generate(request, samples: 0..<count) { output.write($1, of: $0) }
    output.end()
  }
}

extension TrainingSnapshot {
  /// How this model's texts begin and end. A file without a training state is judged by its alphabet: documents
  /// are lines, so a newline means continuous text.
  var workflow: GenerationRequest.Workflow {
    if let known = training.flatMap({ GenerationRequest.Workflow(rawValue: $0.data.workflow) }) {
      return known
    }
    return tokenizer.id(of: "\n") == nil ? .documents : .chunks
  }
}
