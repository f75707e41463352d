// A SLURM of one node, with four processors whatever the machine has, for as long as a suite lasts.

import Foundation
import Platform
import ProcessSupport
import TestSupport
import Testing

/// Real daemons in a folder of their own; scripts/slurm.sh starts and ends them.
final class SlurmCluster: Sendable {
  private static let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("scripts").path
  static let trainingScript = "\(scripts)/train.sbatch"
  /// What is missing for it; nil if nothing is.
  static let missing = ["munged", "slurmctld", "slurmd", "srun", "sbatch"].first {
    Machine.find($0, in: "/usr/sbin:/sbin:/usr/bin:/bin") == nil
  }

  @TaskLocal static var current: SlurmCluster?

  private let place: TemporaryFolder
  private var folder: String { "\(place.path)/slurm" }

  init() throws {
    place = try TemporaryFolder()
    let job = try Job(
      command: ["\(Self.scripts)/slurm.sh", "up", folder], environment: ["MICROGPT_SLURM_CPUS": "4"])
    try #require(job.end() == 0, "SLURM does not come up: \(job.text)")
  }

  func end() throws {
    let job = try Job(command: ["\(Self.scripts)/slurm.sh", "down", folder])
    #expect(job.end() == 0, "\(job.text)")
  }

  /// A client command, begun.
  func start(_ command: [String], folder: String? = nil, environment: [String: String] = [:]) throws -> Job {
    try Job(
      command: command, folder: folder,
      environment: environment.merging(["SLURM_CONF": "\(self.folder)/slurm.conf"]) { $1 })
  }

  /// A client command, to its end.
  func run(_ command: [String], folder: String? = nil, environment: [String: String] = [:]) throws
    -> Job.Outcome
  {
    try start(command, folder: folder, environment: environment).outcome()
  }

  /// What became of a batch script, whose output and errors are one log.
  struct BatchRun {
    let status: Int32
    let output: String
    let submission: Job.Outcome
  }

  /// A batch script, to its end.
  ///
  /// - Parameters:
  ///   - options: of sbatch.
  ///   - launcher: what starts sbatch, such as a step of another job.
  /// - Returns: the script's status and what it said.
  func batch(_ options: [String], _ body: String, in course: Course, launcher: [String] = []) throws
    -> BatchRun
  {
    let (script, log) = ("\(course.folder)/script.sh", "\(course.folder)/script.log")
    // sbatch --wait asks ever more rarely.
    let mark = "script ended with status "
    try writeScript("(\n\(body)\n)\necho \"\(mark)$?\"", to: script)
    try? FileManager.default.removeItem(atPath: log)
    let submission = try run(launcher + ["sbatch", "--output", log] + options + [script])
    var status: Int32?
    _ = waitUntil {
      status = (smallFile(log) ?? "").split(separator: "\n").last { $0.hasPrefix(mark) }
        .flatMap { Int32($0.dropFirst(mark.count)) }
      return status != nil || submission.status != 0
    }
    return BatchRun(status: status ?? -1, output: smallFile(log) ?? "", submission: submission)
  }
}

/// Brings a cluster up before the first test of a suite, and down after the last one.
struct OnSlurm: SuiteTrait, TestScoping {
  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard SlurmCluster.missing == nil else { return try await function() }
    let cluster = try SlurmCluster()
    do {
      try await SlurmCluster.$current.withValue(cluster) { try await function() }
    } catch {
      try cluster.end()
      throw error
    }
    try cluster.end()
  }
}

extension Trait where Self == OnSlurm {
  static var onSlurm: Self { OnSlurm() }
}
