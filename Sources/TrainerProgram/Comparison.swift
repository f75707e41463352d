// `--compare`: a page or a picture of runs that have been, instead of a training.

import CommandLineOptions
import Platform
import RunPage
import RunPlanning

enum Comparison {
  /// Whether the command line asks for one.
  static func isWanted(_ options: ParsedOptions) throws -> Bool {
    guard options[TrainerOptions.compare].isEmpty else { return true }
    guard options.isGiven(TrainerOptions.svg) else { return false }
    throw InvalidInput("--svg draws what --compare names: add --compare FILE, a metrics file")
  }

  /// - Throws: `InvalidInput`, also for options that belong to a training.
  static func run(_ options: ParsedOptions) throws {
    let own: [any DeclaredOption] = [TrainerOptions.compare, TrainerOptions.page, TrainerOptions.svg]
    if let other = options.arguments(without: own).first {
      let name = other.split(separator: "=")[0]
      throw InvalidInput("--compare reads metrics files and trains nothing; omit \(name), or --compare")
    }
    try RunComparison.write(
      options[TrainerOptions.compare], page: options[TrainerOptions.page],
      picture: options[TrainerOptions.svg]
    ) { StandardStream.error.line($0) }
  }
}
