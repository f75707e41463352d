// Several files, folders, patterns and compressed texts as one corpus: the weights are those of the joined file.

import Foundation
import Platform
import ProcessSupport
import TestSupport
import Testing

extension Programs {
  @Suite struct SeveralFiles {
    private static let apart = ["--max-steps", "6", "--no-save"]

    /// The prose in two parts, cut inside a line, plain and as the system's tools compress it.
    private static func workspace() throws -> Workspace {
      let workspace = try Workspace.withCorpora()
      let prose = Array(try workspace.data("prose.txt"))
      try FileManager.default.createDirectory(
        atPath: "\(workspace.path)/books", withIntermediateDirectories: true)
      let cut = try #require(prose.indices.dropFirst(prose.count / 2).first { prose[$0] == 0x20 })
      try workspace.write(prose[..<cut], to: "books/1.txt")
      try workspace.write(prose[cut...], to: "books/2.txt")
      return workspace
    }

    private static func hash(_ run: ProgramRun) throws -> String {
      #expect(run.status == ExitStatus.success, "\(run)")
      return try String(
        #require(run.output.components(separatedBy: "Weights hash ").dropFirst().first?.prefix(16), "\(run)"))
    }

    private static func options(_ data: [String]) -> [String] {
      data.flatMap { ["--data", $0] }
        + Small.chunks.dropFirst(2).filter { !["--metrics", "metrics.jsonl"].contains($0) }
    }

    @Test func oneTextHoweverItIsGiven() throws {
      let workspace = try Self.workspace()
      let whole = try Self.hash(workspace.train(Self.options(["prose.txt"]) + Self.apart))
      var ways = [["books/1.txt", "books/2.txt"], ["books"], ["books/*.txt"], ["books/"]]
      for (tool, suffix) in [("gzip", "gz"), ("zstd", "zst")] where Machine.find(tool) != nil {
        let child = try ChildProcess(
          ["sh", "-c", "\(tool) -qc books/2.txt > 2.txt.\(suffix)"], folder: workspace.path)
        #expect(child.wait() == .status(0))
        ways.append(["books/1.txt", "2.txt.\(suffix)"])
      }
      for way in ways {
        #expect(try Self.hash(workspace.train(Self.options(way) + Self.apart)) == whole, "\(way)")
      }
      let other = try Self.hash(workspace.train(Self.options(["books/2.txt", "books/1.txt"]) + Self.apart))
      #expect(other != whole)
    }

    /// Without --data, and with a file more in the folder.
    @Test func aResumeFindsAllOfThem() throws {
      let workspace = try Self.workspace()
      let whole = try Self.hash(workspace.train(Self.options(["prose.txt"]) + Self.apart))
      let save = ["--checkpoint", "several.jld2"]
      let first = try workspace.train(Self.options(["books"]) + save + ["--max-steps", "3"])
      #expect(first.status == ExitStatus.success, "\(first)")
      #expect(first.story.contains("Repeat with gpt-ddp --data books "))
      try workspace.write(Array("one more".utf8), to: "books/3.txt")
      let resumed = try workspace.train(["--resume"] + save + ["--max-steps", "6"])
      #expect(try Self.hash(resumed) == whole)
      let wrong = try workspace.train(["--resume"] + save + ["--data", "books"])
      #expect(
        wrong.status == ExitStatus.usage && wrong.errors.contains("give that file with --data"), "\(wrong)")
    }

    @Test func noOutputIsOneOfThem() throws {
      let workspace = try Self.workspace()
      let before = try workspace.data("books/2.txt")
      for data in [["books"], ["books/1.txt", "books/2.txt"]] {
        let run = try workspace.train(
          Self.options(data) + ["--no-save", "--metrics", "./books/2.txt", "--max-steps", "1"])
        #expect(run.status == ExitStatus.usage, "\(run)")
        #expect(run.errors.contains("books/2.txt, which this run reads"), "\(run)")
      }
      #expect(try workspace.data("books/2.txt") == before)
    }
  }
}
