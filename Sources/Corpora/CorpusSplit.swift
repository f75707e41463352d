// A corpus divided into a training part and a held-out part.

import CorpusFiles
import Platform
import GPTModel

/// The two parts of a corpus as numbered sequences.
///
/// Chunks: the end of the text is held out; training has floor((1 - f) · characters) characters, and no chunk
/// crosses the boundary. Documents: the end of the shuffled order is held out.
public struct CorpusSplit: Sendable {
  public let training: any SequenceSource
  /// Nil if nothing is held out.
  public let validation: (any SequenceSource)?
  private let file: CorpusFile
  private let sha256: String

  /// - Parameters:
  ///   - scan: of `file`.
  ///   - validationFraction: f, 0 ≤ f < 1.
  ///   - order: of the documents; chunks keep the order of the text, and have none.
  /// - Throws: `InvalidInput` if a part is too short for one sequence, or the tokenizer does not know all
  ///   characters; `RuntimeFailure` if `file` is not the one that was scanned.
  public init(
    file: CorpusFile, scan: CorpusScan, tokenizer: CharacterTokenizer, blockSize: Int,
    validationFraction: Double, order: DocumentOrder
  ) throws {
    precondition((0..<1).contains(validationFraction))
    self.file = file
    sha256 = scan.sha256
    let isChunks = scan.workflow == .chunks
    let total = isChunks ? scan.characterCount : scan.documentCount
    let trained = Int(((1 - validationFraction) * Double(total)).rounded(.down))

    func part(_ range: Range<Int>, _ name: String) throws -> any SequenceSource {
      let source: any SequenceSource =
        isChunks
        ? try ChunkSource(file: file, scan: scan, tokenizer: tokenizer, blockSize: blockSize, range: range)
        : try DocumentSource(
          file: file, scan: scan, tokenizer: tokenizer, blockSize: blockSize, order: order, positions: range)
      guard source.count > 0 else {
        throw Self.tooShort(file.path, name, range.count, blockSize, isChunks, validationFraction)
      }
      return source
    }
    training = try part(0..<trained, "training")
    validation = validationFraction > 0 ? try part(trained..<total, "validation") : nil
  }

  /// Whether the sequences read so far were of the text that was scanned. Costs one call of the system, as long as
  /// nobody touches the file.
  /// - Throws: `RuntimeFailure` that says what is different.
  public func checkUnchanged() throws { try file.checkUnchanged(sha256: sha256) }

  private static func tooShort(
    _ path: String, _ part: String, _ count: Int, _ blockSize: Int, _ isChunks: Bool, _ fraction: Double
  ) -> InvalidInput {
    let otherFraction = fraction > 0 ? ", another --val-frac" : ""
    guard isChunks else {
      return InvalidInput(
        "the corpus \(path) leaves no document for \(part); choose a longer corpus\(otherFraction)")
    }
    let smaller = count > 1 ? ", --block-size \(count - 1) or smaller" : ""
    return InvalidInput(
      "the corpus \(path) has \(count) characters for \(part), but a chunk of --block-size \(blockSize) "
        + "needs \(blockSize + 1); choose a longer corpus\(smaller)\(otherFraction)")
  }
}
