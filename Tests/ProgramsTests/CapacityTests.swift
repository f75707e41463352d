// What the log says of memory before the first step, against what the system has counted at the end.

import Foundation
import Platform
import ProcessSupport
import Testing

extension Programs {
  @Suite struct Capacity {
    /// A small and a medium model, with a save: planned and resident bytes of the process, within 15 %.
    @Test(arguments: [
      ["--n-embd", "128", "--n-layer", "4", "--block-size", "64", "--batch-size", "16"],
      ["--n-embd", "384", "--n-layer", "3", "--n-head", "6", "--block-size", "64", "--batch-size", "12"],
    ]) func thePlanIsWhatTheSystemCounts(sizes: [String]) throws {
      let workspace = try Workspace.withCorpora()
      let run = try workspace.train(
        ["--data", "prose.txt", "--num-steps", "2", "--val-frac", "0", "--profile", "--threads", "2"] + sizes
          + ["--checkpoint", "c.jld2"] + Small.quiet)
      try #require(run.status == ExitStatus.success, "\(run)")
      #expect(
        run.lines.filter { $0.hasPrefix("memory     ") || $0.hasPrefix("time       about ") }.count == 2)
      #expect(
        run.lines.filter { $0.hasPrefix("memory") || $0.hasPrefix("     ") }.allSatisfy { $0.count <= 79 })
      let line = try #require(run.lines.first { $0.hasPrefix("Peak memory of rank 0: ") }, "\(run)")
      let numbers = line.matches(of: #/([0-9.]+) MB/#).compactMap { Double($0.1) }
      try #require(numbers.count == 2, "\(line)")
      #expect(abs(numbers[0] / numbers[1] - 1) < 0.15, "\(line)")
    }

    /// Before anything is touched, in one line that says what would do.
    @Test func whatABatchSystemDoesNotGiveIsRefused() throws {
      let workspace = try Workspace.withCorpora()
      let arguments = Small.chunks + ["--checkpoint", "c.jld2"]
      let environment = ["SLURM_JOB_ID": "1", "SLURM_MEM_PER_NODE": "20"]
      let files = Set(workspace.contents.keys)
      let run = try workspace.train(arguments, environment: environment)
      #expect(run.status == ExitStatus.usage, "\(run)")
      #expect(run.errors.contains("SLURM's --mem of this job leaves 21.0 MB; choose "), "\(run)")
      #expect(Set(workspace.contents.keys) == files)
      let forced = try workspace.train(arguments + ["--ignore-memory"], environment: environment)
      #expect(forced.status == ExitStatus.success, "\(forced)")
    }
  }
}
