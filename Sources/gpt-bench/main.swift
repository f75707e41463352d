// gpt-bench: the measurements of scripts/bench.sh that need no training run. Prints JSON. Not installed.
//
//   gpt-bench --peak
//   gpt-bench --kernels N [sizes]
//   mpirun -np 2 gpt-bench --exchange N [sizes]
//   gpt-bench --plan 1,2,4 [--ranks-per-host N] [sizes]
//   gpt-bench --generate N --checkpoint FILE [--streams N] [--threads N]

import Capacity
import Checkpointing
import CommandLineOptions
import DataParallel
import Diagnosis
import GPTModel
import Glibc
import Platform
import TrainingState
import TerminalDisplay

enum BenchOptions {
  static let peak = Option.flag("peak", "Operations per second of one core, multiply-adds in registers.")
  static let kernels = Option.integer("kernels", in: 1...1_000_000, "Time N sequences forward and backward.")
  static let exchange = Option.integer("exchange", in: 1...1_000_000, "Time N reductions of a gradient.")
  static let plan = Option<String?>.text(
    "plan", "HOSTS", "What a step asks of the busiest rank on so many hosts: 1,2,4. Measures nothing.")
  static let ranksPerHost = Option.integer("ranks-per-host", default: 1, in: 1...1024, "For --plan.")
  static let generate = Option.integer("generate", in: 1...1_000_000, "Time N characters per stream.")
  static let checkpoint = Option.text(
    "checkpoint", "FILE", default: "checkpoints/shakespeare.jld2", "The model.")
  static let streams = Option.integer("streams", default: 1, in: 1...1024, "Texts that advance together.")
  static let threads = Option.integer("threads", default: 1, in: 1...1024, "Threads that share the texts.")
  static let vocabulary = Option.integer("vocab-size", default: 66, in: 2...100_000, "Characters and BOS.")
  static let settings = SettingsTable.model + SettingsTable.training + SettingsTable.kernels

  static let syntax = CommandSyntax(
    program: "gpt-bench", version: ProgramVersion.current,
    summary: "Measures parts of gpt-ddp and gpt-sample.",
    usage: ["gpt-bench --peak | --kernels N | --exchange N | --plan HOSTS | --generate N"],
    sections: [
      OptionSection(
        "Measurements",
        [
          peak, kernels, exchange, plan, ranksPerHost, generate, checkpoint, streams, threads, vocabulary,
        ]),
      OptionSection("Sizes", settings.map(\.option)),
    ])
}

func measure(_ options: ParsedOptions) throws -> JSONText? {
  var configuration = TrainingConfiguration()
  configuration.model.vocabularySize = options[BenchOptions.vocabulary]
  for setting in BenchOptions.settings { setting.apply(options, to: &configuration) }
  try configuration.model.validate()
  if options[BenchOptions.peak] { return .object([("gflops", .real(MultiplyAddPeak.measure() / 1e9))]) }
  if let count = options[BenchOptions.kernels] {
    let rows = KernelBenchmark.rows(count, configuration)
    return .object(
      rows.map { row in
        let speed = row.operations.map { [("gflops", JSONText.real($0 / row.seconds / 1e9))] } ?? []
        return (row.kind, .object([("seconds", .real(row.seconds))] + speed))
      })
  }
  if let list = options[BenchOptions.plan] {
    let hosts = list.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard hosts.allSatisfy((1...1024).contains) else {
      throw InvalidInput("--plan \(quoted(list)): give numbers of hosts from 1 to 1024, such as 1,2,4")
    }
    return ScalePlan(configuration, hosts: hosts, ranksPerHost: options[BenchOptions.ranksPerHost]).json
  }
  if let count = options[BenchOptions.generate] {
    let snapshot = try CheckpointFile.read(options[BenchOptions.checkpoint])
    let model = PreparedModel(
      configuration: snapshot.configuration, weights: snapshot.weights, isTraining: false)
    model.prepareAll()
    let speed = GenerationBenchmark.tokensPerSecond(
      model, tokens: count, streams: options[BenchOptions.streams], threads: options[BenchOptions.threads])
    return .object([("tokens_per_second", .real(speed))])
  }
  guard let count = options[BenchOptions.exchange] else {
    throw InvalidInput("say what to measure: --peak, --kernels N, --exchange N, --plan HOSTS or --generate N")
  }
  let communicator = try Communicator.start(joinsJob: environmentVariable("OMPI_COMM_WORLD_SIZE") != nil)
  var exchange = try TimedExchange(configuration, communicator)
  let seconds = try (1...count).map { _ in try exchange.reduce() }
  try communicator.finalize()
  return communicator.isRoot ? .object([("seconds", .array(seconds.map { .real($0) }))]) : nil
}

do {
  try Surroundings.prepare()
  CheckpointReaderProcess.runIfRequested()
  switch try BenchOptions.syntax.parse(CommandLine.arguments.dropFirst()) {
  case .help: print(BenchOptions.syntax.help(width: Terminal.standardOutput.width))
  case .version: print(BenchOptions.syntax.versionLine)
  case .document(let text): print(text)
  case .run(let options):
    if let result = try measure(options) { print(result.text) }
  }
} catch {
  StandardStream.error.line("error: \(error)")
  Surroundings.end(ExitStatus.of(error))
}
