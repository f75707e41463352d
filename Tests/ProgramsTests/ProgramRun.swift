// The built programs as processes: started in a folder of their own, with the output, the exit status and what they
// left behind. Knows no option of theirs.

import Platform
import Foundation
import Testing

/// All suites that start processes, one test at a time: the machine has few cores.
@Suite(.serialized) struct Programs {}

/// What a process said and how it ended.
struct ProgramRun: CustomStringConvertible {
  let status: Int32
  let output: String
  let errors: String

  /// Lines of our own on standard error; mpirun may add noise of its own.
  var errorLines: [String] {
    errors.split(separator: "\n").map(String.init).filter { $0.hasPrefix("error: ") }
  }
  var lines: [String] { output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
  var description: String { "status \(status)\n--- output\n\(output)\n--- errors\n\(errors)" }
}

/// A folder for one test, gone after it.
final class Workspace {
  let path = NSTemporaryDirectory() + "/microgpt-programs-\(UUID().uuidString)"

  static let mpirun = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { "\($0)/mpirun" as String }.first { access($0, X_OK) == 0 }
  /// Where SwiftPM puts the programs: next to the test bundle.
  private static let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().path
  static let programs = ["gpt-ddp": "\(folder)/gpt-ddp", "gpt-sample": "\(folder)/gpt-sample"]

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    return name
  }

  func data(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }

  func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }

  /// Every file and folder below, with the contents of the files.
  var contents: [String: Data] {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
    return names.reduce(into: [:]) { $0[$1] = (try? data($1)) ?? Data() }
  }

  /// gpt-ddp, alone or as so many ranks under mpirun.
  ///
  /// - Parameter outputPath: takes standard output instead of the result.
  func train(
    ranks: Int? = nil, _ arguments: [String], environment: [String: String] = [:], outputPath: String? = nil
  ) throws -> ProgramRun {
    guard let ranks else { return try run("gpt-ddp", arguments, environment, outputPath) }
    let mpirun = try #require(Self.mpirun)
    let prefix = ["-np", String(ranks), "--oversubscribe", "--bind-to", "none", "\(Self.folder)/gpt-ddp"]
    return try run(mpirun, prefix + arguments, environment, outputPath)
  }

  func sample(_ arguments: [String]) throws -> ProgramRun {
    try run("gpt-sample", arguments, [:], nil)
  }

  private func run(
    _ program: String, _ arguments: [String], _ variables: [String: String], _ outputPath: String?,
    seconds: Double = 60
  ) throws -> ProgramRun {
    let scratch = NSTemporaryDirectory() + "/microgpt-output-\(UUID().uuidString)"
    let files = ["\(scratch).out", "\(scratch).err"]
    defer { for file in files { try? FileManager.default.removeItem(atPath: file) } }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.programs[program] ?? program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: path)
    process.environment = ProcessInfo.processInfo.environment.merging([
      "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    ]) { $1 }.merging(variables) { $1 }
    for file in files { try Data().write(to: URL(fileURLWithPath: file)) }
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: outputPath ?? files[0]))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: files[1]))
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let end = Date().addingTimeInterval(seconds)
    while process.isRunning, Date() < end { usleep(2_000) }
    if process.isRunning {
      kill(process.processIdentifier, SIGKILL)
      Issue.record("still running after \(seconds) s: \(program) \(arguments.joined(separator: " "))")
    }
    process.waitUntilExit()
    let texts = try files.map {
      String(decoding: try Data(contentsOf: URL(fileURLWithPath: $0)), as: UTF8.self)
    }
    let status =
      process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    return ProgramRun(status: status, output: texts[0], errors: texts[1])
  }
}

extension Workspace {
  /// The lines of a metrics file without what no run repeats: the time.
  func metrics(_ name: String = "metrics.jsonl") throws -> [String] {
    try text(name).split(separator: "\n").map {
      String($0.replacing(#/"seconds":[^,]*,/#, with: ""))
    }
  }

  /// Words of a fixed sequence, in lines: the same text everywhere, of `count` characters.
  static func prose(_ count: Int) -> [UInt8] {
    let words = [
      "the", "rain", "falls", "on", "old", "stones", "and", "no", "one", "hears", "Écho", "quiet;",
    ]
    var state: UInt64 = 1
    var text = ""
    while text.unicodeScalars.count < count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      text += words[Int(state >> 33) % words.count] + (state >> 60 == 0 ? ".\n" : " ")
    }
    return Array(String(String.UnicodeScalarView(text.unicodeScalars.prefix(count))).utf8)
  }

  /// Lines of one to fourteen letters.
  static func list(_ count: Int) -> [UInt8] {
    var state: UInt64 = 7
    return (0..<count).flatMap { _ -> [UInt8] in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let length = 1 + Int(state >> 40) % 14
      return (0..<length).map { 97 + UInt8((state >> UInt64(3 * $0)) % 17) } + [10]
    }
  }
}

/// Options of small trainings: a second has hundreds of their steps.
enum Small {
  static let sizes = ["--n-embd", "32", "--n-layer", "2", "--n-head", "4", "--block-size", "32"]
  static let quiet = ["--num-samples", "0", "--sample-interval", "0", "--log-interval", "0"]

  /// Chunks, validation after each epoch of 9 steps, a batch that the micro-batch does not divide.
  static let chunks =
    ["--data", "prose.txt", "--batch-size", "11", "--micro-batch-size", "2", "--num-epochs", "2"] + sizes
    + quiet + ["--hash-interval", "1", "--metrics", "metrics.jsonl"]

  /// Documents of uneven length, some longer than the context.
  static let documents =
    ["--preset", "names", "--data", "list.txt", "--batch-size", "7", "--micro-batch-size", "2"]
    + ["--num-steps", "40", "--val-frac", "0.2", "--n-embd", "32", "--n-layer", "2", "--block-size", "9"]
    + quiet + ["--hash-interval", "1", "--metrics", "metrics.jsonl"]
}

extension Workspace {
  /// With both small corpora.
  static func withCorpora() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.write(prose(3_700), to: "prose.txt")
    try workspace.write(list(150), to: "list.txt")
    return workspace
  }
}
