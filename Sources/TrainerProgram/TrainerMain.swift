// What kind of start this is: help, a launch of mpirun, or one rank of a job.

import BuildFacts
import Checkpointing
import CommandLineOptions
import DataParallel
import Liveness
import Foundation
import Launching
import Platform
import RunPlanning
import Training
import TerminalDisplay

/// gpt-ddp as a library: its executable, and that of the fault tests, are one line each.
public enum TrainerMain {
  /// Runs the program and ends the process with its exit status.
  public static func start(_ arguments: [String]) -> Never { Surroundings.end(run(arguments)) }

  /// Runs the program to its end.
  ///
  /// - Parameters:
  ///   - arguments: with the program's name first, as in `CommandLine.arguments`.
  ///   - probe: nil but in tests.
  /// - Returns: the exit status.
  public static func run(_ arguments: [String], probe: (any TrainingProbe)? = nil) -> Int32 {
    // Before MPI knows ranks, the launcher's environment does: one line of an error is enough.
    let rank = LaunchEnvironment.current.rank
    do {
      try Surroundings.prepare()
      try Surroundings.requireReadableArguments()
      CheckpointReaderProcess.runIfRequested(arguments)
      switch try TrainerOptions.syntax.parse(arguments.dropFirst()) {
      case .help:
        let help = TrainerOptions.syntax.help(width: min(Terminal.standardOutput.width, 110))
        return try show(help, rank)
      case .version: return try show(TrainerOptions.syntax.version(facts: BuildFacts.ofTrainer), rank)
      case .document(let text): return try show(text, rank)
      case .run(let options):
        if try Comparison.isWanted(options) {
          if rank == 0 { try Comparison.run(options) }
          return ExitStatus.success
        }
        let plan = try RunPlan(options)
        let isDoctor = options[TrainerOptions.doctor]
        if let manner = try plan.displayManner() {
          if case .live = manner { LiveLine.heedStops() }
          // Before MPI starts, which may take long.
          try Display.start(manner)
        }
        if isDoctor, !LaunchEnvironment.current.startsMPI { return try examine(plan, .single()) }
        let processCount = options[TrainerOptions.processCount] ?? 1
        if !isDoctor, try Launcher.isNeeded(processCount: processCount) {
          return try launch(plan, processCount)
        }
        // Only a launch reads these; anywhere else they would be promises that nobody keeps.
        let launchOnly: [any DeclaredOption] = [
          TrainerOptions.hostfile, TrainerOptions.supervise, TrainerOptions.maxRestarts,
        ]
        for option in launchOnly where options.isGiven(option) && !isDoctor {
          throw InvalidInput(
            "--\(option.name) belongs to --np N with N above 1, outside mpirun; give both, or omit it")
        }
        return try train(plan, probe)
      }
    } catch {
      guard rank != 0 else { return report(error) }
      // If rank 0 fails as well, as it does over most options, mpirun ends this process before its turn to speak. srun
      // would let all of them speak, but has given all of them the same command, so that rank 0 fails as well.
      guard LaunchEnvironment.current.endsTogether else { return ExitStatus.of(error) }
      sleep(3)
      return report(error, by: "rank \(rank) on \(Machine.hostName): ")
    }
  }

  /// A text instead of a run.
  private static func show(_ text: String, _ rank: Int) throws -> Int32 {
    if rank == 0 { try StandardStream.output.document(text) }
    return ExitStatus.success
  }

  /// Starts this program again under mpirun.
  private static func launch(_ plan: RunPlan, _ processCount: Int) throws -> Int32 {
    let isSupervised = plan.options[TrainerOptions.supervise]
    var arguments = plan.options.arguments(without: TrainerOptions.launching)
    if isSupervised { arguments.append("--\(TrainerOptions.run.name)=\(UUID().uuidString)") }
    let launch = try Launcher.plan(
      processCount: processCount, arguments: arguments, hostfile: plan.options[TrainerOptions.hostfile])
    if !plan.isQuiet { for line in wrappedCommand("starting", launch.words) { printError(line) } }
    guard isSupervised else { return try Launcher.run(launch).status }
    return try Supervisor(
      maximumRestarts: plan.options[TrainerOptions.maxRestarts],
      resumeArgument: "--\(TrainerOptions.restarted.name)"
    ).run(launch)
  }

  private static func examine(_ plan: RunPlan, _ communicator: Communicator) throws -> Int32 {
    try Activity.during("measuring how fast this machine is") { try Doctor(plan, communicator).run() }
  }

  /// One rank.
  private static func train(_ plan: RunPlan, _ probe: (any TrainingProbe)?) throws -> Int32 {
    let environment = LaunchEnvironment.current
    // Before MPI starts, which takes a while: an early wish must not end a rank.
    SignalRequests.install()
    let communicator = try Activity.during("joining the other ranks") {
      try Communicator.start(
        joinsJob: environment.startsMPI, hangTimeout: plan.options[TrainerOptions.hangTimeout],
        launcher: Launcher.ofThisJob, launcherEndsAll: environment.endsTogether)
    }
    // Our own launcher sees to it itself.
    if environment.startsMPI, !Launcher.isAbove, communicator.localRank == 0 {
      TerminalStops.complete(launcher: getppid(), ranks: communicator.localProcesses)
    }
    do {
      try communicator.together {
        try WorldCheck.verify(
          worldSize: communicator.worldSize, environment: environment,
          requested: plan.options[TrainerOptions.processCount])
      }
      let status =
        plan.options[TrainerOptions.doctor]
        ? try examine(plan, communicator)
        : try Session(plan: plan, communicator: communicator, probe: probe).run()
      try communicator.finalize()
      return status
    } catch let failure as AgreedFailure {
      // Where each process is a world of its own, the launcher's first one speaks.
      let isSpeaker = communicator.worldSize > 1 || environment.rank == 0
      let speaker = failure.host.map { "\($0): " } ?? ""
      let status = isSpeaker ? report(failure.cause, by: speaker) : ExitStatus.of(failure.cause)
      try? communicator.finalize()
      return status
    } catch let failure as PeerFailure {
      try? communicator.finalize()
      return failure.status
    } catch let loss as LostPeer {
      let status = report(loss, by: "\(communicator.describe(communicator.rank)): ")
      // After a SIGTERM all others are being ended already.
      guard SignalRequests.secondsSinceTermination == nil else {
        Watchdog.end(status: status, because: "a rank is lost")
      }
      Watchdog.fulfilLastWish(because: "a rank is lost")
      communicator.abort(status)
    } catch {
      // The others do not know and may be waiting for this rank.
      guard communicator.worldSize > 1 else { return report(error) }
      communicator.abort(report(error, by: "\(communicator.describe(communicator.rank)): "))
    }
  }

  /// Prints an error and chooses the exit status.
  private static func report(_ error: any Error, by speaker: String = "") -> Int32 {
    printError(error is Interruption ? "\(error)" : "error: \(speaker)\(error)")
    return ExitStatus.of(error)
  }
}
