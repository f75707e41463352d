// What the command line asks for, and its exit status.

import BuildFacts
import Checkpointing
import CommandLineOptions
import GPTModel
import Glibc
import Platform

/// gpt-sample as a library: one process, no MPI.
public enum SamplerMain {
  /// Runs the program and ends the process with its exit status.
  public static func start(_ arguments: [String]) -> Never { Surroundings.end(run(arguments)) }

  /// Runs the program to its end.
  ///
  /// - Parameter arguments: with the program's name first, as in `CommandLine.arguments`.
  /// - Returns: the exit status.
  public static func run(_ arguments: [String]) -> Int32 {
    do {
      try Surroundings.prepare()
      try Surroundings.requireReadableArguments()
      CheckpointReaderProcess.runIfRequested(arguments)
      // Piped into `head`, the program ends when the reader has had enough.
      signal(SIGPIPE, SIG_DFL)
      switch try SamplerOptions.syntax.parse(arguments.dropFirst()) {
      case .help:
        try StandardStream.output.document(
          SamplerOptions.syntax.help(width: min(Terminal.standardOutput.width, 110)))
        return ExitStatus.success
      case .version:
        try StandardStream.output.document(SamplerOptions.syntax.version(facts: BuildFacts.all))
        return ExitStatus.success
      case .document(let text):
        try StandardStream.output.document(text)
        return ExitStatus.success
      case .run(let options):
        return try run(options)
      }
    } catch {
      StandardStream.error.line("error: \(error)")
      return ExitStatus.of(error)
    }
  }

  private static func run(_ options: ParsedOptions) throws -> Int32 {
    try options.atMostOne(of: SamplerOptions.inspect, SamplerOptions.verify, SamplerOptions.diff)
    let isJSON = options[SamplerOptions.json]
    let report: CheckpointReport
    if let path = options[SamplerOptions.inspect] {
      report = try .inspect(path, json: isJSON)
    } else if let path = options[SamplerOptions.verify] {
      report = .verify(path, json: isJSON)
    } else if let (first, second) = options[SamplerOptions.diff] {
      report = try .diff(first, second, json: isJSON)
    } else {
      if isJSON { throw InvalidInput("--json belongs to --inspect, --verify and --diff") }
      try sample(options)
      return ExitStatus.success
    }
    try StandardStream.output.document(report.text)
    return report.status
  }

  private static func sample(_ options: ParsedOptions) throws {
    let snapshot = try CheckpointFile.read(try checkpointPath(options))
    let model = PreparedModel(
      configuration: snapshot.configuration, weights: snapshot.weights, isTraining: false)
    model.prepareAll()
    var request = GenerationRequest(workflow: snapshot.workflow)
    request.prompt = options[SamplerOptions.prompt]
    request.temperature = options[SamplerOptions.temperature]
    request.maximumCharacters = options[SamplerOptions.maximumCharacters]
    request.seed = UInt64(options[SamplerOptions.seed])
    let count = options[SamplerOptions.sampleCount]
    let generator = Generator(
      model: model, tokenizer: snapshot.tokenizer,
      threads: options[SamplerOptions.threads] ?? Machine.usableProcessorCount)
    _ = try generator.startTokens(request)
    let output = SampleOutput(
      count: count, prompt: request.prompt ?? "", isRaw: options[SamplerOptions.raw])
    try generator.generate(request, samples: 0..<count) { output.write($1, of: $0) }
    output.end()
  }

  /// The user's checkpoint; without one, the default or the only other that a training has left beside it.
  private static func checkpointPath(_ options: ParsedOptions) throws -> String {
    let path = options[SamplerOptions.checkpoint]
    guard FileIdentity(path) == nil, !isSymbolicLink(path) else { return path }
    let others = CheckpointFile.others(near: path)
    if others.count == 1, !options.isGiven(SamplerOptions.checkpoint) {
      StandardStream.error.line("note: there is no \(path); sampling from \(others[0])")
      return others[0]
    }
    throw InvalidInput(
      "checkpoint \(path): there is no such file; "
        + (others.isEmpty
          ? "train a model with gpt-ddp, or name one with --checkpoint"
          : "name one with --checkpoint: \(CheckpointFile.otherNames(near: path))"))
  }
}
