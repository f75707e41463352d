// `gpt-ddp --doctor`: what Diagnosis finds on this machine, under mpirun on all hosts of the job; how fast they are; and
// the command to start with.

import Capacity
import CommandLineOptions
import DataParallel
import Diagnosis
import Launching
import Platform
import RunPlanning
import TerminalDisplay
import TrainingState

struct Doctor {
  private let plan: RunPlan
  private let communicator: Communicator
  /// Of this host.
  private let ranks: Int
  private let threads: Int
  private let configuration: TrainingConfiguration

  /// - Parameters:
  ///   - plan: the options tell how many ranks are meant and where data and checkpoints are to be.
  ///   - communicator: of the job that is asked; one rank on its own looks at a job that is yet to be started.
  init(_ plan: RunPlan, _ communicator: Communicator) throws {
    self.plan = plan
    self.communicator = communicator
    let isAlone = communicator.worldSize == 1
    ranks =
      isAlone
      ? plan.options[TrainerOptions.processCount] ?? min(Machine.coreCount, Machine.usableProcessorCount)
      : communicator.localSize
    threads =
      plan.settings(
        localSize: ranks,
        processorCount: isAlone ? Machine.processorCount : communicator.localProcessorCount,
        usableCount: Machine.usableProcessorCount, allocation: SlurmAllocation.current
      ).threads
    var configuration = plan.draft
    configuration.model = try plan.model(vocabularySize: Self.usualVocabulary)
    self.configuration = configuration
  }

  /// Of English texts, with the mark that begins them.
  private static let usualVocabulary = 66
  /// Lines are no longer, whatever the terminal, but for what programs read.
  private static let width = 80

  /// - Returns: the exit status: failure if something would keep a training from working.
  func run() throws -> Int32 {
    if plan.options[TrainerOptions.exchangeCheck] { return try printExchange() }
    let training = IntendedTraining(
      configuration: configuration, ranks: ranks, threads: threads, saves: plan.saves,
      data: plan.options[TrainerOptions.data], dataFolder: plan.options[TrainerOptions.dataFolder],
      checkpoint: plan.checkpointPath)
    var found: [Finding] = []
    if communicator.localRank == 0 {
      found = HostExamination(training).findings
      // Of other hosts, only what is amiss.
      if !communicator.isRoot {
        found = found.filter { $0.verdict != .good }
        for index in found.indices { found[index].host = communicator.peers[communicator.rank].host }
      }
    }
    let all = try communicator.allgather(Finding.bytes(found)).flatMap { try Finding.findings($0) }
    show(all)
    var isBad = all.contains { $0.verdict == .bad }
    if !isBad { isBad = try measure() }
    if communicator.isRoot { for line in startLines { StandardStream.output.line(line) } }
    return isBad ? ExitStatus.failure : ExitStatus.success
  }

  private func show(_ findings: [Finding]) {
    guard communicator.isRoot else { return }
    for line in findings.flatMap({ $0.lines(width: Self.width) }) { StandardStream.output.line(line) }
  }

  /// How fast the ranks of this job are, for people and for scripts/scale_model.py.
  /// - Returns: whether ranks cannot be started.
  private func measure() throws -> Bool {
    let isAlone = communicator.worldSize == 1
    // One process that stands for several uses the processors of all.
    let ownThreads = isAlone ? max(1, min(ranks * threads, Machine.usableProcessorCount)) : threads
    let figures = try ScaleFigures(configuration, threads: ownThreads, communicator: communicator)
    let step = figures.secondsPerStep(ranks: communicator.worldSize)
    // Rank 0 tells of its own host, whose other ranks wait.
    var findings: [Finding] = []
    if communicator.isRoot {
      findings.append(SpeedExamination.peak(threads: communicator.localSize * ownThreads, figures))
    }
    if isAlone {
      if ranks > 1 {
        let arguments =
          ["--doctor", "--exchange-check", "--no-save"] + plan.options.arguments(without: notForRanks)
        findings.append(ExchangeTrial.finding(arguments, configuration, step: step))
      }
    } else {
      let seconds = try SpeedExamination.exchangeSeconds(configuration, communicator)
      let hosts = communicator.layout.hosts.count
      findings.append(
        SpeedExamination.exchange(
          seconds: seconds, configuration,
          among: "\(communicator.worldSize) ranks on \(Readable.count(hosts, "host"))", step: step))
    }
    findings += figures.lines.map { Finding(.good, $0.subject, $0.text) }
    show(findings)
    // In one piece, because a program reads it. mpirun gives its ranks a terminal of its own, whoever reads.
    if communicator.isRoot, !isAlone || !Terminal.standardOutput.isInteractive {
      StandardStream.output.line("ok    figures     " + figures.json.compactText)
    }
    return try communicator.allgather([findings.contains { $0.verdict == .bad } ? 1 : 0]).contains([1])
  }

  /// What a doctor's own ranks are not told: how they are started, and where they would save.
  private var notForRanks: [any DeclaredOption] {
    TrainerOptions.launching + [TrainerOptions.doctor, TrainerOptions.exchangeCheck, TrainerOptions.noSave]
  }

  /// One of those ranks.
  private func printExchange() throws -> Int32 {
    let seconds = try SpeedExamination.exchangeSeconds(configuration, communicator)
    if communicator.isRoot { StandardStream.output.line(ExchangeTrial.line(seconds)) }
    return ExitStatus.success
  }

  /// To be pasted into a shell: the last lines.
  private var startLines: [String] {
    let start = StartCommand(
      arguments: plan.options.arguments(without: TrainerOptions.launching + [TrainerOptions.doctor]),
      ranks: plan.options[TrainerOptions.processCount], hostfile: plan.options[TrainerOptions.hostfile])
    return start.proposals(ranksOfHost: ranks, communicator).flatMap { title, words in
      ["", title] + wrappedCommand(words.map(shellQuoted).joined(separator: " "), width: Self.width)
    }
  }
}
