// What must be known about a corpus before training: alphabet, length, digest, and where things are. Rank 0
// collects it in one pass over the text and sends it to the others. It holds no text.

import CorpusFiles
import Platform
import GPTModel
import Reproducibility

/// The result of reading a corpus once. Its size does not depend on the text's, but for the alphabet.
public struct CorpusScan: Equatable, Sendable {
  /// Where characters or documents lie in the text.
  enum Index: Equatable, Sendable {
    /// Character i is byte i of the text.
    case ascii
    case characters(SparseIndex)
    case documents(count: Int, SparseIndex)
  }

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
    if case .documents(let count, _) = index { count } else { 0 }
  }

  public var tokenizer: CharacterTokenizer { CharacterTokenizer(scalars: scalars) }

  /// Reads the file once, with several threads if it is large.
  /// - Throws: `InvalidInput` for a corpus that is empty, binary or not UTF-8, with the offset of the first
  ///   wrong byte; `RuntimeFailure` if it cannot be read, or somebody writes to it meanwhile.
  public init(of file: CorpusFile, workflow: Workflow, progress: WorkProgress? = nil) throws {
    try self.init(of: file, workflow: workflow, layout: ScanLayout(), progress: progress)
  }

  init(of file: CorpusFile, workflow: Workflow, layout: ScanLayout, progress: WorkProgress? = nil) throws {
    progress?.begin("scanning \(file.path)", total: file.byteCount)
    let found = try ScanPipeline(file, workflow: workflow, layout: layout, progress: progress).run()
    if let (failure, part, isASCII) = found.failure {
      throw CorpusRefusal.error(failure, part: part, isASCII: isASCII, in: file)
    }
    let text = found.merge
    guard file.byteCount > text.textStart else {
      throw InvalidInput("the corpus \(file.path) is empty; give a UTF-8 text file")
    }
    let places = SparseIndex(stride: found.stride, marks: text.marks)
    if workflow == .documents, text.documentCount == 0 {
      throw InvalidInput("the corpus \(file.path) has no documents: every line is blank")
    }
    self.init(
      workflow: workflow, byteCount: file.byteCount, sha256: found.sha256, textStart: text.textStart,
      characterCount: text.characterCount, carriageReturnCount: text.carriageReturnCount,
      scalars: found.scalars,
      index: workflow == .documents
        ? .documents(count: text.documentCount, places) : text.isASCII ? .ascii : .characters(places))
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
