// Restarts the job from its last checkpoint when a rank or a host has died, on the remaining hosts. Any
// number of ranks gives the same bits, so a smaller world continues exactly the same training.

import Platform
import Glibc

/// A bounded number of restarts of one launch plan.
public struct Supervisor {
  public var maximumRestarts: Int
  /// Added to the program's arguments on a restart, unless already there.
  public var resumeArgument: String
  /// Reports in one line what is done and why; goes to standard error.
  var report: (String) -> Void
  var launch: (MpirunCommand) throws -> Launcher.Outcome
  var isHostAlive: (MpirunCommand, Hostfile.Host) -> Bool

  public init(maximumRestarts: Int, resumeArgument: String = "--resume") {
    self.init(
      maximumRestarts: maximumRestarts, resumeArgument: resumeArgument,
      report: { StandardStream.error.line("supervise: \($0)") },
      launch: Launcher.run, isHostAlive: Self.answers)
  }

  init(
    maximumRestarts: Int, resumeArgument: String, report: @escaping (String) -> Void,
    launch: @escaping (MpirunCommand) throws -> Launcher.Outcome,
    isHostAlive: @escaping (MpirunCommand, Hostfile.Host) -> Bool
  ) {
    precondition(maximumRestarts >= 0)
    self.maximumRestarts = maximumRestarts
    self.resumeArgument = resumeArgument
    self.report = report
    self.launch = launch
    self.isHostAlive = isHostAlive
  }

  /// Runs `plan` until it succeeds, the user stops it, its input is bad, or the restarts are used up.
  ///
  /// - Returns: the exit status of the last launch.
  public func run(_ plan: MpirunCommand) throws -> Int32 {
    let original = plan.hostfile?.path
    var plan = plan
    var restarts = 0
    defer { if let path = plan.hostfile?.path, path != original { unlink(path) } }
    while true {
      let outcome = try launch(plan)
      let isFinal = [ExitStatus.success, ExitStatus.usage, ExitStatus.resumable].contains(outcome.status)
      if isFinal || outcome.wasAskedToStop { return outcome.status }
      guard restarts < maximumRestarts else {
        report("the job ended with status \(outcome.status); all \(maximumRestarts) restarts are used up")
        return outcome.status
      }
      restarts += 1
      let lost = try dropDeadHosts(from: &plan, original: original)
      if !plan.programArguments.contains(resumeArgument) { plan.programArguments.append(resumeArgument) }
      let loss = lost.isEmpty ? "" : "without \(lost.joined(separator: ", ")), "
      report(
        "the job ended with status \(outcome.status); restart \(restarts) of \(maximumRestarts), "
          + "\(loss)\(plan.processCount) ranks, from the last checkpoint")
    }
  }

  /// Replaces the plan's hostfile with the hosts that answer, and limits the ranks to their slots.
  private func dropDeadHosts(
    from plan: inout MpirunCommand, original: String?
  ) throws -> [String] {
    guard let hostfile = plan.hostfile else { return [] }
    let remaining = hostfile.content.keeping { isHostAlive(plan, $0) }
    guard !remaining.hosts.isEmpty else { throw RuntimeFailure("no host of \(hostfile.path) answers") }
    let lost = hostfile.content.hosts.filter { !remaining.hosts.contains($0) }
    guard !lost.isEmpty else { return [] }
    let path = try remaining.writeTemporary()
    if hostfile.path != original { unlink(hostfile.path) }
    plan.hostfile = (path, remaining)
    if let slots = remaining.slotCount { plan.processCount = min(plan.processCount, slots) }
    return lost.map(\.name)
  }

  /// Whether mpirun can start a process there, by the same route as the job itself.
  private static func answers(_ plan: MpirunCommand, _ host: Hostfile.Host) -> Bool {
    guard let path = try? Hostfile(text: host.line).writeTemporary() else { return false }
    defer { unlink(path) }
    let probe = [plan.mpirun, "--hostfile", path, "-np", "1", "--oversubscribe", "true"]
    guard
      let child = try? ChildProcess(
        probe, environment: plan.environment, output: .discarded, errors: .discarded, leadsGroup: true)
    else { return false }
    return child.wait(seconds: 20) == .status(ExitStatus.success)
  }
}
