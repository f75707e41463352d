// Files for one test, gone after it; and the real corpora where the machine has them.

import Foundation
import Testing

@testable import Training

final class TemporaryDirectory {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/microgpt-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and gives its path.
  func file(_ bytes: some Sequence<UInt8>, named name: String = "corpus.txt") throws -> String {
    let file = path + "/" + name
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
}

/// A text as an open, scanned corpus.
struct TestCorpus {
  let directory: TemporaryDirectory
  let file: CorpusFile
  let scan: CorpusScan

  init(_ bytes: some Sequence<UInt8>, _ workflow: Workflow) throws {
    directory = try TemporaryDirectory()
    file = try CorpusFile(path: directory.file(bytes))
    scan = try CorpusScan(of: file, workflow: workflow)
  }

  init(_ text: String, _ workflow: Workflow) throws { try self.init(text.utf8, workflow) }

  func chunks(_ blockSize: Int, range: Range<Int>? = nil) throws -> ChunkSource {
    try ChunkSource(file: file, scan: scan, tokenizer: scan.tokenizer, blockSize: blockSize, range: range)
  }

  func documents(_ blockSize: Int, seed: UInt64? = nil) throws -> DocumentSource {
    let order = DocumentOrder(count: scan.documentCount, seed: seed ?? 0, isShuffled: seed != nil)
    return try DocumentSource(
      file: file, scan: scan, tokenizer: scan.tokenizer, blockSize: blockSize, order: order)
  }

  /// Sequence `index` as text, BOS shown as `^`.
  func text(_ source: some SequenceSource, _ index: Int) throws -> String {
    var tokens: [Int32] = []
    try source.tokens(of: index, into: &tokens)
    return tokens.map { id in scan.tokenizer.scalar(of: Int(id)).map { String(Character($0)) } ?? "^" }
      .joined()
  }
}

/// The reference's corpora, which this project does not contain: in `$MICROGPT_DATA`, else in `./data`.
enum ReferenceCorpus {
  static func path(_ name: String) -> String? {
    let folder = ProcessInfo.processInfo.environment["MICROGPT_DATA"] ?? "data"
    let path = folder + "/" + name
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }

  static let condition: Comment =
    "no corpora here: set MICROGPT_DATA to a folder with tinyshakespeare.txt and names.txt"
  static var isHere: Bool { path("tinyshakespeare.txt") != nil && path("names.txt") != nil }
}
