// Texts as open, scanned corpora, for the tests of Corpora and of Training.

import Corpora
import CorpusFiles
import GPTModel
import TestSupport

/// A text as an open, scanned corpus.
public struct TestCorpus {
  public let directory: TemporaryFolder
  public let file: CorpusFile
  public let scan: CorpusScan

  public init(_ bytes: some Sequence<UInt8>, _ workflow: Workflow) throws {
    directory = try TemporaryFolder()
    file = try CorpusFile(path: directory.file(bytes))
    scan = try CorpusScan(of: file, workflow: workflow)
  }

  public init(_ text: String, _ workflow: Workflow) throws { try self.init(text.utf8, workflow) }

  public func chunks(_ blockSize: Int, range: Range<Int>? = nil) throws -> ChunkSource {
    try ChunkSource(file: file, scan: scan, tokenizer: scan.tokenizer, blockSize: blockSize, range: range)
  }

  public func documents(_ blockSize: Int, seed: UInt64? = nil) throws -> DocumentSource {
    let order = DocumentOrder(count: scan.documentCount, seed: seed ?? 0, isShuffled: seed != nil)
    return try DocumentSource(
      file: file, scan: scan, tokenizer: scan.tokenizer, blockSize: blockSize, order: order)
  }

  /// Sequence `index` as text, BOS shown as `^`.
  public func text(_ source: some SequenceSource, _ index: Int) throws -> String {
    try source.tokens(of: index).map { id in
      scan.tokenizer.scalar(of: Int(id)).map { String(Character($0)) } ?? "^"
    }
    .joined()
  }
}

extension SequenceSource {
  /// A sequence by itself.
  public func tokens(of index: Int) throws -> [Int32] {
    var tokens: [Int32] = []
    try appendTokens(of: index, to: &tokens)
    return tokens
  }
}
