// What is remembered is checked: damaged, cut, foreign and other files in its place are as good as none.

import Foundation
import Platform
import Reproducibility
import TestSupport
import Testing

@testable import CorpusFiles

@Suite struct Caches {
  @Test func recordsThatAreNotWholeAreNone() throws {
    let folder = try TemporaryFolder()
    let cache = CacheFolder(path: folder.path + "/a/b")
    #expect(cache.record("x.scan") == nil)
    for content in [[], [1], Array(0..<200)] as [[UInt8]] {
      #expect(cache.store(content, as: "x.scan"))
      #expect(cache.record("x.scan") == content)
    }
    let path = "\(cache.path)/x.scan"
    let whole = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    for length in 0..<whole.count {
      try Data(whole[..<length]).write(to: URL(fileURLWithPath: path))
      #expect(cache.record("x.scan") == nil)
    }
    for position in whole.indices {
      var damaged = whole
      damaged[position] ^= 4
      try Data(damaged).write(to: URL(fileURLWithPath: path))
      #expect(cache.record("x.scan") == nil)
    }
    try Data(whole).write(to: URL(fileURLWithPath: path))
    #expect(cache.record("x.scan") != nil)
    // A link, a folder and a FIFO are none, and nobody waits for one.
    try FileManager.default.moveItem(atPath: path, toPath: path + ".other")
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path + ".other")
    #expect(cache.record("x.scan") == nil)
    unlink(path)
    #expect(mkfifo(path, 0o600) == 0)
    #expect(cache.record("x.scan") == nil)
  }

  @Test func aFolderThatCannotBeWrittenIsNoError() {
    #expect(!CacheFolder(path: "/proc/none").store([1], as: "x.scan"))
    #expect(CacheFolder(path: "/proc/none").record("x.scan") == nil)
  }

  @Test(.enabled(if: geteuid() == 0, "needs root to give a file away"))
  func recordsOfOthersAreNone() throws {
    let folder = try TemporaryFolder()
    let cache = CacheFolder(path: folder.path)
    #expect(cache.store([1, 2], as: "x.scan"))
    #expect(chown("\(folder.path)/x.scan", 4_711, 4_711) == 0)
    #expect(cache.record("x.scan") == nil)
  }

  @Test func theOldestGo() throws {
    let folder = try TemporaryFolder()
    let cache = CacheFolder(path: folder.path)
    for number in 0..<205 { cache.store([1], as: "\(number).scan") }
    cache.store([1], as: "other.text")
    #expect(folder.names.filter { $0.hasSuffix(".scan") }.count == 200)
    #expect(cache.record("204.scan") != nil && cache.record("other.text") != nil)
  }

  @Test func textsOfTheDataFolderAreRememberedThere() throws {
    let folder = try TemporaryFolder()
    let inside = try folder.file([1], named: "in.txt")
    let own = CacheFolder(path: folder.path + "/.cache")
    #expect(CacheFolder.candidates(for: [inside], dataFolder: folder.path).first == own)
    let mixed = CacheFolder.candidates(for: [inside, "/etc/hostname"], dataFolder: folder.path)
    #expect(mixed.first != own || CacheFolder.ofUser == nil)
    #expect(mixed.last == own)
  }

  /// As git has it: a file of this very moment may be written to again without showing it.
  @Test func racyFiles() throws {
    let folder = try TemporaryFolder()
    let path = try folder.file([1, 2, 3])
    var status = stat()
    try #require(stat(path, &status) == 0)
    let stamp = FileStamp(status)
    #expect(!stamp.isSettled(at: stamp.changed[0]))
    #expect(!stamp.isSettled(at: stamp.changed[0] + 2))
    #expect(stamp.isSettled(at: stamp.changed[0] + 3))
    // A clock that is behind, or a file of the future.
    #expect(!stamp.isSettled(at: stamp.changed[0] - 1_000))
  }
}

@Suite struct TextStores {
  private static let text = Array(String(repeating: "kept ", count: 100_000).utf8)
  private static let sha256 = text.withUnsafeBytes { SHA256.hash($0) }

  private func find(_ store: TextStore) -> String? {
    store.find(sha256: Self.sha256, byteCount: Self.text.count, progress: WorkProgress())
  }

  @Test func onlyWhatIsVerifiedHasTheName() throws {
    let folder = try TemporaryFolder()
    let store = TextStore(CacheFolder(path: folder.path))
    #expect(find(store) == nil)
    let broken = try store.begin(byteCount: Self.text.count)
    try Self.text.dropLast().withUnsafeBytes { try broken.append($0) }
    #expect(throws: RuntimeFailure.self) { try broken.finish(in: store, sha256: Self.sha256) }
    #expect(find(store) == nil)
    let incoming = try store.begin(byteCount: Self.text.count)
    for start in stride(from: 0, to: Self.text.count, by: 7_777) {
      try Self.text[start..<min(start + 7_777, Self.text.count)].withUnsafeBytes { try incoming.append($0) }
    }
    let path = try incoming.finish(in: store, sha256: Self.sha256).path
    #expect(find(store) == path)
    // Touched without a change: read again, and right.
    try #require(utimes(path, nil) == 0)
    #expect(find(store) == path)
    var other = Self.text
    other[5] ^= 1
    try Data(other).write(to: URL(fileURLWithPath: path))
    #expect(find(store) == nil)
    #expect(throws: RuntimeFailure.self) { try store.begin(byteCount: 1 << 60) }
  }

  @Test func remainsOfTheDeadGoAndThoseOfTheLivingStay() throws {
    let folder = try TemporaryFolder()
    let store = TextStore(CacheFolder(path: folder.path))
    func remains() -> Int { folder.contents.keys.filter { $0.hasSuffix(TextStore.Incoming.suffix) }.count }
    let living = try store.begin(byteCount: nil)
    try folder.write([1, 2], to: "texts/elsewhere-1-x" + TextStore.Incoming.suffix)
    #expect(remains() == 2)
    let another = try store.begin(byteCount: nil)
    #expect(remains() == 2)
    withExtendedLifetime((living, another)) {}
  }

  @Test func memoryOfAFile() throws {
    let folder = try TemporaryFolder()
    let store = TextStore(CacheFolder(path: folder.path))
    let incoming = try store.begin(byteCount: 9)
    try incoming.fill(9) { $0.copyBytes(from: 1...9) }
    let (path, sha256) = try incoming.finish(in: store)
    #expect(Array(try Data(contentsOf: URL(fileURLWithPath: path))) == Array(1...9))
    #expect(sha256 == Array(1...9 as ClosedRange<UInt8>).withUnsafeBytes { SHA256.hash($0) })
  }
}

@Suite struct ManyFiles {
  /// More than are looked at each time.
  @Test func everyFileIsWatched() throws {
    let folder = try TemporaryFolder()
    let paths = try (0..<150).map { try folder.file(Array("file \($0)\n".utf8), named: "\($0).txt") }
    var parts: [CorpusFile.Part] = []
    for (number, path) in paths.enumerated() {
      let start = parts.last?.range.upperBound ?? 0
      parts.append(CorpusFile.Part(path: path, range: start..<start + "file \(number)\n".utf8.count))
    }
    let file = try CorpusFile(name: "all", opening: paths, parts: parts)
    let sha256 = try file.sha256()
    for _ in 0..<5 { try file.checkUnchanged(sha256: sha256) }
    for number in [0, 77, 149] {
      let old = try Data(contentsOf: URL(fileURLWithPath: paths[number]))
      let handle = try #require(FileHandle(forUpdatingAtPath: paths[number]))
      try handle.write(contentsOf: Data("FILE".utf8))
      // One that was read shows at once.
      try file.withBytes(parts[number].range) { _ in }
      let error = #expect(throws: RuntimeFailure.self) { try file.checkUnchanged(sha256: sha256) }
      #expect(try #require(error).message.hasPrefix(paths[number]))
      try handle.seek(toOffset: 0)
      try handle.write(contentsOf: old)
      for _ in 0..<5 { try file.checkUnchanged(sha256: sha256) }
      // Others show in their turn.
      try handle.seek(toOffset: 0)
      try handle.write(contentsOf: Data("FILE".utf8))
      #expect(throws: RuntimeFailure.self) { for _ in 0..<3 { try file.checkUnchanged(sha256: sha256) } }
      try handle.seek(toOffset: 0)
      try handle.write(contentsOf: old)
      for _ in 0..<5 { try file.checkUnchanged(sha256: sha256) }
    }
    #expect(
      try file.withBytes(3..<12) { String(decoding: $0, as: UTF8.self) } == "e 0\nfile ")
  }
}
