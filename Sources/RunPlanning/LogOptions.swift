// --log, --log-interval, --quiet: how a run shows itself, on this process.

import CommandLineOptions
import Launching
import Platform
import RunDisplay
import TerminalDisplay

/// The words of `--log`.
package enum LogManner: String, CaseIterable, Sendable { case auto, live, plain }

extension RunPlan {
  package var isQuiet: Bool { options[TrainerOptions.quiet] }

  /// - Throws: `InvalidInput` for options that contradict each other.
  package static func checkLog(_ options: ParsedOptions) throws {
    guard options[TrainerOptions.quiet] else { return }
    if options[TrainerOptions.log] == LogManner.live.rawValue {
      throw InvalidInput("--quiet contradicts --log live; omit one of them")
    }
    if options.isGiven(TrainerOptions.logInterval) {
      throw InvalidInput("--quiet contradicts --log-interval, whose lines it leaves out; omit one of them")
    }
  }

  /// How this process, a rank or the launcher of a job, shows what it does; nil: not at all.
  ///
  /// Under a launcher of somebody else's the log is plain, even on a terminal, which the ranks share with it.
  /// - Throws: `InvalidInput` if a live line is asked for where none can be drawn.
  package func displayManner() throws -> Display.Manner? {
    let environment = LaunchEnvironment.current
    guard !isQuiet, environment.rank == 0 else { return nil }
    let wish = LogManner(rawValue: options[TrainerOptions.log]) ?? .auto
    if environment.startsMPI {
      if Launcher.wantsStatus { return .relayed }
      guard wish != .live else {
        throw InvalidInput(
          "--log live needs a terminal of its own, which mpirun and srun do not leave to a rank; omit it, or start "
            + "the ranks with --np N")
      }
      return .plain
    }
    switch wish {
    case .plain: return .plain
    case .auto: return Terminal.standardOutput.canRedraw ? .live(LiveLine()) : .plain
    case .live:
      guard Terminal.standardOutput.isInteractive else {
        throw InvalidInput(
          "--log live draws on a terminal, and standard output is none; omit it, or give --log plain")
      }
      return .live(LiveLine())
    }
  }

  /// When rank 0 writes a line about a step.
  package var logPace: LogPace {
    if let interval = options[TrainerOptions.logInterval] { return interval > 0 ? .steps(interval) : .never }
    return Display.isShown ? .atTheEnd : .usual
  }
}
