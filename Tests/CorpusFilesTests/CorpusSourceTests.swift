// What --data stands for: files, folders, patterns, and their names in messages and checkpoints.

import Foundation
import Platform
import TestSupport
import Testing

@testable import CorpusFiles

@Suite struct Sources {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for name in [
      "b.txt", "a.txt", "Z.md", "c.txt.gz", "d.zst", "notes.pdf", ".hidden.txt", "ä.text", "x[1].txt",
    ] {
      try folder.write(Array(name.utf8), to: name)
    }
    try FileManager.default.createDirectory(
      atPath: folder.path + "/sub.txt", withIntermediateDirectories: true)
  }

  private func names(_ sources: String...) throws -> [String] {
    try CorpusSources.expand(sources.map { "\(folder.path)/\($0)" }).map { fileName(of: $0) }
  }

  @Test func aFolderIsItsTextsByTheBytesOfTheirNames() throws {
    #expect(try names("") == ["Z.md", "a.txt", "b.txt", "c.txt.gz", "d.zst", "x[1].txt", "ä.text"])
  }

  @Test func patternsAndFilesInTheOrderGiven() throws {
    #expect(try names("b.txt", "[ab].txt", "notes.pdf") == ["b.txt", "a.txt", "b.txt", "notes.pdf"])
    // A name is a name before it is a pattern.
    #expect(try names("x[1].txt") == ["x[1].txt"])
    #expect(try names("*.txt") == ["a.txt", "b.txt", "x[1].txt"])
  }

  @Test func nothingIsRefused() throws {
    for (source, words) in [
      ("gone.txt", "No such file"), ("*.nothing", "matches no file"), ("sub.txt", "without texts"),
    ] {
      let error = #expect(throws: InvalidInput.self) { try names(source) }
      #expect(try #require(error).message.contains(words))
    }
  }

  @Test func names() {
    #expect(CorpusSources.name(of: ["a.txt"], fileCount: 1) == "a.txt")
    #expect(CorpusSources.name(of: ["a.txt", "b.txt"], fileCount: 2) == "a.txt, b.txt")
    #expect(CorpusSources.name(of: ["books"], fileCount: 120) == "books (120 files)")
    #expect(CorpusSources.name(of: ["a", "b", "c", "d"], fileCount: 4) == "a, b, c, … (4 files)")
  }

  @Test func forACheckpoint() throws {
    let (a, b) = ("\(folder.path)/a.txt", "\(folder.path)/b.txt")
    #expect(CorpusSources.encode([a], files: [a]) == absolutePath(of: a))
    for files in [[a, b], ["/with \"quotes\"", "/and\nbreaks", "/[1]"]] {
      let text = CorpusSources.encode(["whatever"], files: files)
      #expect(text.hasPrefix("["))
      #expect(CorpusSources.decode(text) == files.map { absolutePath(of: $0) })
    }
    // More than a checkpoint holds: what was given is kept instead.
    let many = (0..<3_000).map { "/somewhere/with/a/long/name/\($0)" }
    #expect(CorpusSources.decode(CorpusSources.encode(["/somewhere"], files: many)) == ["/somewhere"])
    #expect(CorpusSources.decode("") == [])
    #expect(CorpusSources.decode("/a/[b]") == ["/a/[b]"])
  }
}
