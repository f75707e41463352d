// A real process that a test can watch and hurt: a built program, alone or as ranks under mpirun, or any
// command. The one way in which tests start processes. Signals go to process ids that this test started, never
// to names.

import TestSupport
import Glibc
import Platform
import Testing

/// One started process tree, in a process group of its own; ended, whatever happens, with this value.
public final class Job {
  /// Seconds that nothing takes here, however busy the machine is.
  public static let limit = 120.0
  /// Absolute path of mpirun; nil where there is none.
  public static let mpirun = Machine.find("mpirun")

  /// The process itself: the program, mpirun, or the launcher above it.
  public let pid: pid_t
  private let child: ChildProcess
  private let streams: TemporaryFolder
  /// Every process of the tree that was ever seen, and when it started: its number may be another's later.
  var seen: [pid_t: UInt64] = [:]
  /// Files of shared memory that they had mapped.
  var segments: Set<String> = []

  /// Starts `command[0]` with default signal handling and standard input from /dev/null.
  ///
  /// - Parameters:
  ///   - folder: where it runs; nil is where this process does.
  ///   - environment: variables on top of those of this process and of what mpirun wants to hear from root.
  ///   - outputPath: takes standard output instead of `output`.
  public init(
    command: [String], folder: String? = nil, environment: [String: String] = [:], outputPath: String? = nil
  ) throws {
    streams = try TemporaryFolder()
    let root = ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"]
    child = try ChildProcess(
      command,
      environment: ChildProcess.inheritedEnvironment.merging(root) { $1 }.merging(environment) { $1 },
      folder: folder, output: .file(outputPath ?? "\(streams.path)/output"),
      errors: .file("\(streams.path)/errors"), leadsGroup: true)
    pid = child.identifier
  }

  /// Starts a built program.
  ///
  /// - Parameters:
  ///   - program: its name, or the path of a script that takes its place.
  ///   - ranks: so many straight under mpirun, as on a cluster; nil for the process alone.
  public convenience init(
    _ program: String, _ arguments: [String], ranks: Int? = nil, folder: String? = nil,
    environment: [String: String] = [:], outputPath: String? = nil
  ) throws {
    var command = [program.contains("/") ? program : Self.path(of: program)] + arguments
    if let ranks {
      guard let mpirun = Self.mpirun else { throw RuntimeFailure("mpirun is not installed") }
      command = [mpirun, "-np", String(ranks), "--oversubscribe", "--bind-to", "none"] + command
    }
    try self.init(command: command, folder: folder, environment: environment, outputPath: outputPath)
  }

  /// Where SwiftPM puts the programs: next to the test bundle.
  public static func path(of program: String) -> String {
    // Without /proc nothing is found, and the error names the program.
    "\(Platform.folder(of: (try? Machine.ownProgram()) ?? ""))/\(program)"
  }

  deinit { killAll() }

  // MARK: What it says

  public var output: String { smallFile("\(streams.path)/output") ?? "" }
  public var errors: String { smallFile("\(streams.path)/errors") ?? "" }
  /// Standard output, then standard error.
  public var text: String { output + errors }
  /// The same, with lines of the log joined again that stand on several for want of room.
  public var story: String { Self.unwrapped(text) }

  private static func unwrapped(_ text: String) -> String {
    text.replacing(#/ \\\n +/#, with: " ").replacing(#/\n {11}(?! )/#, with: " ")
  }
  public var lines: [String] { text.split(separator: "\n").map(String.init) }
  /// What our programs complain of; mpirun adds noise of its own.
  public var errorLines: [String] { lines.filter { $0.hasPrefix("error: ") } }

  // MARK: How it ends

  public var isRunning: Bool { child.poll() == nil }

  /// Waits for `condition` while the job runs.
  /// - Returns: whether it came true.
  public func wait(until condition: () -> Bool, seconds: Double = Job.limit) -> Bool {
    var isMet = false
    _ = waitUntil(seconds: seconds) {
      // Asked in this order, so that what it did last counts.
      let hasEnded = !isRunning
      isMet = condition()
      return isMet || hasEnded
    }
    return isMet
  }

  /// The exit status; 128 + signal if a signal ended it. Records an issue, and kills, if it takes longer.
  @discardableResult
  public func end(
    within seconds: Double = Job.limit, sourceLocation: SourceLocation = #_sourceLocation
  ) -> Int32 {
    guard waitUntil(seconds: seconds, { !isRunning }) else {
      Issue.record("still running after \(seconds) s: \(text)", sourceLocation: sourceLocation)
      killAll()
      return -1
    }
    return child.wait().status
  }

  /// What a process said and how it ended.
  public struct Outcome: CustomStringConvertible, Sendable {
    public let status: Int32
    public let output: String
    public let errors: String

    public var lines: [String] {
      output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
    /// Standard output, with lines joined again that stand on several for want of room.
    public var story: String { Job.unwrapped(output) }
    public var entries: [String] {
      story.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
    public var errorLines: [String] {
      errors.split(separator: "\n").map(String.init).filter { $0.hasPrefix("error: ") }
    }
    public var description: String { "status \(status)\n--- output\n\(output)\n--- errors\n\(errors)" }
  }

  /// Waits for the end.
  public func outcome(
    within seconds: Double = Job.limit, sourceLocation: SourceLocation = #_sourceLocation
  ) -> Outcome {
    let status = end(within: seconds, sourceLocation: sourceLocation)
    return Outcome(status: status, output: output, errors: errors)
  }

  private func killAll() {
    guard isRunning else { return }
    survey()
    for (process, start) in seen where ProcessIdentity.startTime(of: process) == start {
      kill(process, SIGKILL)
    }
    child.send(SIGKILL)
    _ = child.wait()
  }
}

/// Polls for `condition`; tests never wait for a moment, always for what they need.
/// - Returns: whether it came true.
public func waitUntil(seconds: Double = Job.limit, _ condition: () -> Bool) -> Bool {
  let end = monotonicSeconds() + seconds
  while monotonicSeconds() < end {
    if condition() { return true }
    usleep(5_000)
  }
  return condition()
}

extension Trait where Self == ConditionTrait {
  public static var needsMpirun: Self { .enabled(if: Job.mpirun != nil, "mpirun is not installed") }
}

/// Writes a program of the shell's. A child writes it: as long as a descriptor of this process were open for writing,
/// a child that another test starts at the same moment could hold it, and the kernel would refuse to run the script.
public func writeScript(_ body: String, to path: String) throws {
  let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 755 \"$2\""
  let child = try ChildProcess(["sh", "-c", write, "sh", body, path])
  guard child.wait() == .status(0) else { throw RuntimeFailure("cannot write the script \(path)") }
}
