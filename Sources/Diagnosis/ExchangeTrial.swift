// Two ranks that a doctor starts on its machine: whether mpirun works at all, and how fast they exchange.

import Glibc
import Launching
import Platform
import TrainingState

public enum ExchangeTrial {
  private static let words = "seconds of an exchange: "
  /// Seconds that the ranks may take to start and measure.
  private static let patience = 60.0

  /// What rank 0 prints.
  public static func line(_ seconds: Double) -> String { "\(words)\(seconds)" }

  /// - Parameters:
  ///   - arguments: of this program, which make it measure and print `line`.
  ///   - step: seconds that a step takes without an exchange.
  public static func finding(
    _ arguments: [String], _ configuration: TrainingConfiguration, step: Double
  ) -> Finding {
    do {
      let said = try run(try Launcher.plan(processCount: 2, arguments: arguments))
      guard let line = said.first(where: { $0.hasPrefix(words) }),
        let seconds = Double(line.dropFirst(words.count))
      else {
        let cause = said.first { $0.hasPrefix("error: ") } ?? said.first { !$0.hasPrefix("---") }
        return failed(cause ?? "mpirun says nothing")
      }
      return SpeedExamination.exchange(
        seconds: seconds, configuration, among: "2 ranks of this machine", step: step)
    } catch {
      return failed("\(error)")
    }
  }

  private static func failed(_ why: String) -> Finding {
    Finding(
      .bad, "exchange",
      "two ranks do not work here: \(why); see that `mpirun -np 2 true` does, or train with --np 1")
  }

  /// - Returns: the lines of both streams.
  private static func run(_ command: MpirunCommand) throws -> [String] {
    let child = try ChildProcess(
      command.arguments, environment: command.environment, output: .pipe, errors: .standardOutput,
      leadsGroup: true)
    defer {
      if child.poll() == nil {
        // mpirun ends its ranks.
        child.send(SIGTERM)
        _ = child.wait(seconds: 5)
      }
    }
    var text: [UInt8] = []
    let end = monotonicSeconds() + patience
    while true {
      let piece = try child.readSome(upTo: 1 << 16, until: end)
      if piece.isEmpty { break }
      text += piece
    }
    _ = child.wait(seconds: max(1, end - monotonicSeconds()))
    return String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
  }
}
