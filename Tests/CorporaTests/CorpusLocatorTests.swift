// Finding, downloading and replacing corpora, against a web server that fails in every way.

import CorpusFiles
import Platform
import Foundation
import Reproducibility
import CorpusSupport
import TestSupport
import Testing

@testable import Corpora

@Suite struct CorpusSearch {
  private static let bytes = Array(String(repeating: "To download or not. ", count: 20_000).utf8)
  private static let corpus = KnownCorpus(
    fileName: "wanted.txt", url: "http://127.0.0.1:9/never", byteCount: bytes.count,
    sha256: bytes.withUnsafeBytes { SHA256.hash($0) }, substitute: .names)

  private let directory: TemporaryFolder
  private var folder: String { directory.path + "/data" }

  init() throws { directory = try TemporaryFolder() }

  private func locator(_ url: String?, mayDownload: Bool = true) -> CorpusLocator {
    var limits = CorpusLocator.DownloadLimits()
    limits.stallSeconds = 1
    limits.totalSeconds = 4
    return CorpusLocator(dataDirectory: folder, url: url, mayDownload: mayDownload, limits: limits)
  }

  private var files: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  /// The run goes on with the synthetic text, says so, and leaves nothing else in the folder.
  private func expectSubstitute(
    _ url: String?, _ reason: String, mayDownload: Bool = true,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let start = ContinuousClock.now
    let found = try locator(url, mayDownload: mayDownload).locate(Self.corpus)
    #expect(start.duration(to: .now) < .seconds(10), sourceLocation: sourceLocation)
    #expect(found.sources[0] == folder + "/synthetic-names.txt", sourceLocation: sourceLocation)
    #expect(found.dataset == "synthetic (synthetic-names.txt)", sourceLocation: sourceLocation)
    let note = try #require(found.note, sourceLocation: sourceLocation)
    #expect(note.hasPrefix("no wanted.txt: "), sourceLocation: sourceLocation)
    #expect(note.contains(reason), "\(note)", sourceLocation: sourceLocation)
    #expect(!note.contains("\n"), sourceLocation: sourceLocation)
    #expect(files == ["synthetic-names.txt"], sourceLocation: sourceLocation)
    #expect(
      try CorpusFile(path: found.sources[0]).sha256() == SyntheticCorpus.names.sha256,
      sourceLocation: sourceLocation)
  }

  @Test func downloadsOnce() throws {
    let server = try LoopbackServer(.body(Self.bytes))
    let url = server.url("input.txt")
    let first = try locator(url).locate(Self.corpus)
    server.stop()
    #expect(first.sources[0] == folder + "/wanted.txt")
    #expect(first.dataset == "wanted.txt")
    #expect(first.note == "downloaded \(folder)/wanted.txt (400 kB) from \(url)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: first.sources[0])) == Data(Self.bytes))
    #expect(files == ["wanted.txt"])
    let second = try locator(url).locate(Self.corpus)
    #expect(second == CorpusLocation(path: first.sources[0], dataset: "wanted.txt", note: nil))
  }

  @Test func localMirror() throws {
    let mirror = try directory.file(Self.bytes, named: "mirror file.txt")
    let found = try locator("file://" + mirror.replacing(" ", with: "%20")).locate(Self.corpus)
    #expect(found.dataset == "wanted.txt")
  }

  @Test func notFound() throws {
    let server = try LoopbackServer(.status(404))
    defer { server.stop() }
    try expectSubstitute(server.url("x"), "404")
  }

  @Test func shortBody() throws {
    let server = try LoopbackServer(.short(Self.bytes, sent: 100_000))
    defer { server.stop() }
    try expectSubstitute(server.url("x"), "cannot download")
  }

  @Test func honestlyShorter() throws {
    let server = try LoopbackServer(.body(Array(Self.bytes.dropLast())))
    defer { server.stop() }
    try expectSubstitute(server.url("x"), "sent 399999 bytes instead of 400000")
  }

  @Test func wrongBytes() throws {
    var altered = Self.bytes
    altered[200_000] ^= 1
    let server = try LoopbackServer(.body(altered))
    defer { server.stop() }
    try expectSubstitute(server.url("x"), "sent another text (SHA-256 ")
  }

  @Test func bytesWithoutEnd() throws {
    let server = try LoopbackServer(.endless)
    defer { server.stop() }
    try expectSubstitute(server.url("x"), "sent more than 400000 bytes")
  }

  @Test(arguments: [0, 50_000])
  func stall(_ sent: Int) throws {
    let server = try LoopbackServer(.stall(Self.bytes, sent: sent))
    defer { server.stop() }
    try expectSubstitute(server.url("x"), "cannot download")
  }

  @Test func nobodyListens() throws {
    let server = try LoopbackServer(.status(404))
    let url = server.url("x")
    server.stop()
    try expectSubstitute(url, "cannot download")
  }

  @Test(arguments: ["http://nowhere.invalid/x", "ftp://127.0.0.1/x", "-o/etc/x", "", "a b"])
  func addressesThatAreNone(_ url: String) throws {
    try expectSubstitute(url, "cannot download")
  }

  @Test func withoutCurl() {
    #expect(throws: DownloadFailure(reason: "no-such-curl is not installed (apt-get install curl)")) {
      try Curl.get("http://127.0.0.1/", limit: 1, limits: .init(), program: "no-such-curl")
    }
  }

  @Test func downloadsSwitchedOff() throws {
    try expectSubstitute(nil, "downloads are switched off", mayDownload: false)
    // The second time the synthetic file is there already.
    try expectSubstitute(nil, "downloads are switched off", mayDownload: false)
  }

  @Test(arguments: ["wanted.txt", "synthetic-names.txt"])
  func aWrongFileIsNeverReplaced(_ name: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let mine = try directory.file("my own text".utf8, named: "data/" + name)
    let error = #expect(throws: InvalidInput.self) {
      try locator(nil, mayDownload: false).locate(Self.corpus)
    }
    let message = try #require(error).message
    #expect(message.contains("is not the expected text (SHA-256 "))
    #expect(message.hasSuffix("train on it with --data \(mine), or move it away"))
    #expect(try String(contentsOfFile: mine, encoding: .utf8) == "my own text")
    #expect(files == [name])
  }

  @Test func aFolderThatCannotBe() throws {
    _ = try directory.file("a file, not a folder".utf8, named: "data")
    let error = #expect(throws: InvalidInput.self) {
      try locator(nil, mayDownload: false).locate(Self.corpus)
    }
    #expect(try #require(error).message.hasPrefix("cannot make the data folder"))
  }

  @Test func theKnownOnesArePinned() {
    #expect(KnownCorpus.tinyShakespeare.sha256.hasPrefix("86c4e6aa"))
    #expect(KnownCorpus.names.sha256.hasPrefix("0a30b555"))
    #expect([KnownCorpus.tinyShakespeare, .names].allSatisfy { $0.sha256.utf8.count == 64 })
  }
}
