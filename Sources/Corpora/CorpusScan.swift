// What must be known about a corpus before training: alphabet, length, digest, and where things are. Rank 0
// collects it in one pass over the file and sends it to the others. It holds no text.

import Platform
import GPTModel
import Reproducibility

/// The result of reading a corpus once. Its size does not depend on the text except for `index`.
public struct CorpusScan: Equatable, Sendable {
  /// Where characters or documents lie in the file.
  enum Index: Equatable, Sendable {
    /// Character i is byte i of the text.
    case ascii
    /// `offsets[k]` is the first byte of character k · `scalarStride`.
    case sparse(offsets: [Int])
    /// First byte and length in bytes of each document. Lengths are capped at 2³²-1; no more is ever read.
    case documents(starts: [Int], lengths: [UInt32])
  }

  /// Characters per entry of a sparse index: 1/64 byte of index for each 1 to 4 bytes of text.
  static let scalarStride = 512

  public let workflow: Workflow
  public let byteCount: Int
  /// Of the whole file, 64 hexadecimal digits.
  public let sha256: String
  /// First byte of the text: after a byte order mark, which belongs to no text.
  let textStart: Int
  /// Of the whole text, line breaks included.
  public let characterCount: Int
  /// Of the whole text: they end lines on other systems.
  let carriageReturnCount: Int
  /// Sorted, unique. Documents: only what is inside documents, so no line breaks.
  public let scalars: [Unicode.Scalar]
  let index: Index

  /// Documents in file order; 0 in continuous text.
  public var documentCount: Int {
    if case .documents(let starts, _) = index { starts.count } else { 0 }
  }

  public var tokenizer: CharacterTokenizer { CharacterTokenizer(scalars: scalars) }

  /// Reads the file once, in blocks.
  /// - Throws: `InvalidInput` for a corpus that is empty, binary or not UTF-8, with the offset of the first
  ///   wrong byte; `RuntimeFailure` if it cannot be read, or somebody writes to it meanwhile.
  public init(of file: CorpusFile, workflow: Workflow) throws {
    var pass = CorpusPass(path: file.path, workflow: workflow)
    try file.forEachBlock { block, offset in try pass.consume(block, at: offset) }
    self = try pass.finish()
    guard byteCount == file.byteCount else { throw file.changed() }
    try file.checkUnchanged(sha256: sha256)
  }

  init(
    workflow: Workflow, byteCount: Int, sha256: String, textStart: Int, characterCount: Int,
    carriageReturnCount: Int, scalars: [Unicode.Scalar], index: Index
  ) {
    self.workflow = workflow
    self.byteCount = byteCount
    self.sha256 = sha256
    self.textStart = textStart
    self.characterCount = characterCount
    self.carriageReturnCount = carriageReturnCount
    self.scalars = scalars
    self.index = index
  }
}
