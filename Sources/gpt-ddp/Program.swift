// What kind of start this is: help, a launch of mpirun, or one rank of a job.

import CommandLineOptions
import DataParallel
import Diagnostics
import Foundation
import Kernels
import Training

enum Program {
  /// - Returns: the exit status.
  static func run(_ arguments: [String]) -> Int32 {
    // Before MPI knows ranks, the launcher's environment does: one line of an error is enough.
    let rank = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"].flatMap { Int($0) } ?? 0
    do {
      switch try CommandSyntax.gptDDP.parse(arguments) {
      case .help:
        if rank == 0 { print(CommandSyntax.gptDDP.help(width: min(Terminal.standardOutput.width, 110))) }
        return ExitStatus.success
      case .version:
        if rank == 0 { print(CommandSyntax.gptDDP.versionLine) }
        return ExitStatus.success
      case .run(let options):
        if options.flag("measure-peak") {
          print("{\"gflops\": \(multiplyAddPeak() / 1e9)}")
          return ExitStatus.success
        }
        let plan = try RunPlan(options)
        if options.flag("doctor") { return Doctor(plan).run() }
        let processCount = options.givenInt("np") ?? 1
        if Launcher.isNeeded(processCount: processCount) { return try launch(plan, processCount) }
        // Only a launch reads these; anywhere else they would be promises that nobody keeps.
        for name in ["hostfile", "supervise", "max-restarts"] where options.isGiven(name) {
          throw InvalidInput(
            "--\(name) belongs to --np N with N above 1, outside mpirun; give both, or leave it away")
        }
        return try train(plan)
      }
    } catch {
      // If rank 0 fails as well, as it does over most options, mpirun ends this process before its turn to speak.
      if rank != 0 { sleep(3) }
      return report(error, by: rank == 0 ? "" : "rank \(rank): ")
    }
  }

  /// Starts this program again under mpirun.
  private static func launch(_ plan: RunPlan, _ processCount: Int) throws -> Int32 {
    let isSupervised = plan.options.flag("supervise")
    var arguments = plan.options.arguments(without: ["np", "hostfile", "supervise", "max-restarts", "run-id"])
    if isSupervised { arguments.append("--run-id=\(UUID().uuidString)") }
    let launch = try Launcher.plan(
      processCount: processCount, arguments: arguments, hostfile: plan.options.givenString("hostfile"))
    printError("starting \(launch.description)")
    if isSupervised {
      return try Supervisor(maximumRestarts: plan.options.int("max-restarts"), resumeArgument: "--restarted")
        .run(launch)
    }
    return try Launcher.run(launch).status
  }

  /// One rank.
  private static func train(_ plan: RunPlan) throws -> Int32 {
    let communicator = try Communicator.start(hangTimeout: plan.options.double("hang-timeout"))
    do {
      if let requested = plan.options.givenInt("np") {
        try communicator.together {
          try WorldCheck.verify(
            worldSize: communicator.worldSize, environment: .current, requested: requested)
        }
      }
      let status = try Session(plan: plan, communicator: communicator).run()
      try communicator.finalize()
      return status
    } catch let failure as AgreedFailure {
      let status = report(failure.cause)
      try? communicator.finalize()
      return status
    } catch let failure as PeerFailure {
      try? communicator.finalize()
      return failure.status
    } catch {
      // The others do not know and may be waiting for this rank.
      guard communicator.worldSize > 1 else { return report(error) }
      communicator.abort(report(error, by: "\(communicator.describe(communicator.rank)): "))
    }
  }

  /// Prints an error and chooses the exit status.
  private static func report(_ error: any Error, by speaker: String = "") -> Int32 {
    printError("error: \(speaker)\(error)")
    return error is InvalidInput ? ExitStatus.usage : ExitStatus.failure
  }
}
