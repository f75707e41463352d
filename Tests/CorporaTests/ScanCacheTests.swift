// Scans and orders that are remembered, and when they are not.

import CorpusFiles
import Foundation
import GPTModel
import Platform
import TestSupport
import Testing

@testable import Corpora

@Suite struct RememberedScans {
  private let folder: TemporaryFolder
  private let cache: CacheFolder
  private let path: String
  private static let text = String(repeating: "größer\n naïve \n", count: 500)

  init() throws {
    folder = try TemporaryFolder()
    cache = CacheFolder(path: folder.path + "/cache")
    path = try folder.file(Self.text.utf8)
  }

  /// - Returns: the scan, and whether it was remembered: then nothing is read, and nothing advances.
  private func scan(
    _ workflow: Workflow = .chunks, smallest: Int = 0
  ) throws -> (scan: CorpusScan, isRemembered: Bool) {
    let progress = WorkProgress()
    let places = try CorpusPlaces(of: [path], name: path, caches: [], progress: progress)
    let scan = try ScanCache.scan(
      places.open(), at: places, workflow: workflow, caches: [cache], smallest: smallest, progress: progress)
    return (scan, progress.count == 0)
  }

  /// The time of modification; that of the last change of anything is now, whatever is done.
  private func age() throws {
    var times = [timespec(tv_sec: 1_000, tv_nsec: 0), timespec(tv_sec: 1_000, tv_nsec: 0)]
    try #require(utimensat(AT_FDCWD, path, &times, 0) == 0)
  }

  /// Until the file's last change is long enough ago.
  private func settle() { sleep(4) }

  @Test func theWholeLife() throws {
    // Just written: not remembered.
    #expect(try !scan().isRemembered && !scan().isRemembered)
    try age()
    #expect(try !scan().isRemembered && !scan().isRemembered, "a time that was set back deceives nobody")
    settle()
    for workflow in Workflow.allCases {
      let first = try scan(workflow)
      #expect(!first.isRemembered)
      let second = try scan(workflow)
      #expect(second.isRemembered && second.scan == first.scan)
    }
    let places = try CorpusPlaces(of: [path], name: path, caches: [], progress: WorkProgress())
    let progress = WorkProgress()
    let sha256 = try ScanCache.sha256(
      places.open(), at: places, caches: [cache], smallest: 0, progress: progress)
    #expect(try sha256 == scan().scan.sha256 && progress.count == 0)
    // Small texts are scanned.
    #expect(try !scan(smallest: 1 << 20).isRemembered)
    // Every record damaged: as good as none, and mended.
    for name in try fileNames(in: cache.path) {
      let record = "\(cache.path)/\(name)"
      var bytes = try Data(contentsOf: URL(fileURLWithPath: record))
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: URL(fileURLWithPath: record))
    }
    #expect(try !scan().isRemembered)
    #expect(try scan().isRemembered)
    // Another text of the same size and the same time of modification.
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    try handle.write(contentsOf: Data("GR".utf8))
    try age()
    let other = try scan()
    #expect(!other.isRemembered && other.scan.scalars.contains("G"))
    // Another file under the name.
    try FileManager.default.removeItem(atPath: path)
    try Data(Self.text.utf8).write(to: URL(fileURLWithPath: path))
    #expect(try !scan().isRemembered)
  }
}

@Suite struct ShuffledOrders {
  @Test func aFileIsTheOrderInMemory() throws {
    let folder = try TemporaryFolder()
    let cache = CacheFolder(path: folder.path)
    func file(_ count: Int, _ seed: UInt64) -> String? {
      DocumentOrder.file(count: count, seed: seed, caches: [cache], mostInMemory: 0, progress: WorkProgress())
    }
    for (count, seed) in [(1, 1), (2, 1), (1_000, 42), (1_000, 43)] as [(Int, UInt64)] {
      let path = try #require(file(count, seed))
      #expect(file(count, seed) == path)
      let order = try DocumentOrder(count: count, file: path)
      let memory = DocumentOrder(count: count, seed: seed, isShuffled: true)
      for position in 0..<count { #expect(try order.document(at: position) == memory.document(at: position)) }
      #expect(throws: RuntimeFailure.self) { try order.document(at: count) }
    }
    // Damaged: made again.
    let path = try #require(file(1_000, 42))
    try Data(count: 4_000).write(to: URL(fileURLWithPath: path))
    let order = try DocumentOrder(count: 1_000, file: #require(file(1_000, 42)))
    #expect(
      try order.document(at: 7) == DocumentOrder(count: 1_000, seed: 42, isShuffled: true).document(at: 7))
    #expect(
      DocumentOrder.file(
        count: 10, seed: 1, caches: [CacheFolder(path: "/proc/none")], mostInMemory: 0,
        progress: WorkProgress())
        == nil)
    #expect(DocumentOrder.file(count: 10, seed: 1, caches: [cache], progress: WorkProgress()) == nil)
  }
}
