// What the command line asks for, and its exit status.

import BuildFacts
import CheckpointTools
import Checkpointing
import CommandLineOptions
import Glibc
import Platform
import TerminalDisplay

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
    let isJSON = options[SamplerOptions.json]
    switch try SamplerTask(options) {
    case .sample: try sample(options)
    case .interactive: try converse(options)
    case .follow: try FollowedTraining.run(options, SamplingPlan(options, sampleCount: 1))
    case .score: try ScoreReport.run(options, file: options[SamplerOptions.score] ?? "")
    case .list: try CheckpointList.run(folder: options[SamplerOptions.folder], isJSON: isJSON)
    case .prune:
      try CheckpointPruning.run(
        folder: options[SamplerOptions.folder], keep: options[SamplerOptions.keep],
        isAgreed: options[SamplerOptions.yes])
    case .inspect: return try report(.inspect(options[SamplerOptions.inspect] ?? "", json: isJSON))
    case .verify: return try report(.verify(options[SamplerOptions.verify] ?? "", json: isJSON))
    case .diff:
      let (first, second) = options[SamplerOptions.diff] ?? ("", "")
      return try report(.diff(first, second, json: isJSON))
    }
    return ExitStatus.success
  }

  private static func report(_ report: CheckpointReport) throws -> Int32 {
    try StandardStream.output.document(report.text)
    return report.status
  }

  private static func sample(_ options: ParsedOptions) throws {
    let plan = try SamplingPlan(options, sampleCount: 3)
    let model = try ModelChoice.model(options)
    try plan.write(from: model) { "=== Sample \($0) ===" }
  }

  private static func converse(_ options: ParsedOptions) throws {
    if options[SamplerOptions.promptFile] == "-" {
      throw InvalidInput(
        "--interactive reads lines from standard input; give the prompt as text or from a file")
    }
    let plan = try SamplingPlan(options, sampleCount: 1)
    let model = try ModelChoice.model(options)
    try InteractiveSession(model, plan, resolvesEscapes: options[SamplerOptions.escapes]).run()
  }
}
