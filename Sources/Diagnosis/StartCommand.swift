// The command that a doctor proposes, for this machine and for several.

import DataParallel
import Launching
import Platform

public struct StartCommand {
  /// Of the training, without what starts it.
  private let arguments: [String]
  /// What the user asked for, if anything.
  private let ranks: Int?
  private let hostfile: String?

  public init(arguments: [String], ranks: Int?, hostfile: String?) {
    self.arguments = arguments
    self.ranks = ranks
    self.hostfile = hostfile
  }

  /// Titles, and words of a shell's.
  ///
  /// - Parameter ranksOfHost: that this machine is to have.
  public func proposals(
    ranksOfHost: Int, _ communicator: Communicator
  ) -> [(title: String, words: [String])] {
    let hosts = communicator.layout.hosts.count
    let program = Self.program
    // Ranks of one machine start by themselves; the program sees to what root must tell mpirun.
    let onThis = communicator.worldSize == 1 && hostfile == nil ? ranks ?? ranksOfHost : ranksOfHost
    let launch = onThis > 1 && Machine.find("mpirun") != nil ? ["--np", "\(onThis)"] : []
    var found = [
      (hosts > 1 ? "Start on this machine alone with" : "Start with", [program] + launch + arguments)
    ]
    func several(_ count: Int, _ file: String) -> [String] {
      [program, "--np", "\(count)", "--hostfile", file] + arguments
    }
    if let hostfile {
      let listed = (try? Hostfile(path: hostfile))?.hosts.count ?? 1
      found.append(("Start on the hosts of \(hostfile) with", several(ranks ?? listed, hostfile)))
    } else if hosts > 1 {
      found.append(
        ("Start on these hosts, listed in a hostfile, with", several(communicator.worldSize, "hostfile")))
    } else if let job = SlurmAllocation.current, job.taskCount > 1 {
      found.append(("Start as the tasks of this job with", ["srun", "--mpi=pmix", program] + arguments))
    }
    return found
  }

  /// As the user may call it.
  private static var program: String {
    guard let own = try? Machine.ownProgram() else { return "gpt-ddp" }
    return Machine.find("gpt-ddp").map(absolutePath) == own ? "gpt-ddp" : own
  }
}
