// Chunks of continuous text. A chunk has no BOS; neighbours share one character, the last target of one and
// the first input of the next.

import Platform
import GPTModel

/// Chunks of T + 1 characters that start at 0, T, 2T, … of a range of the text, as long as they fit.
public struct ChunkSource: SequenceSource {
  public let blockSize: Int
  /// In characters of the whole text.
  let range: Range<Int>
  private let file: CorpusFile
  private let index: CorpusScan.Index
  private let byteCount: Int
  private let textStart: Int
  private let tokenizer: CharacterTokenizer

  /// - Parameters:
  ///   - scan: of `file`, for the workflow `chunks`.
  ///   - range: which characters; nil = all. Characters outside it are never read.
  /// - Throws: `InvalidInput` if the tokenizer lacks a character of the text; `RuntimeFailure` if `file`
  ///   is not the one that was scanned.
  public init(
    file: CorpusFile, scan: CorpusScan, tokenizer: CharacterTokenizer, blockSize: Int,
    range: Range<Int>? = nil
  ) throws {
    precondition(scan.workflow == .chunks && blockSize >= 1)
    self.range = range ?? 0..<scan.characterCount
    precondition(self.range.lowerBound >= 0 && self.range.upperBound <= scan.characterCount)
    guard file.byteCount == scan.byteCount else { throw file.changed() }
    try scan.checkAlphabet(against: tokenizer, path: file.path)
    self.file = file
    self.blockSize = blockSize
    self.tokenizer = tokenizer
    index = scan.index
    byteCount = scan.byteCount
    textStart = scan.textStart
  }

  public var count: Int { Self.chunkCount(characters: range.count, blockSize: blockSize) }

  /// Number of chunks in a text: starts 0, T, 2T, … while start + T + 1 ≤ characters.
  public static func chunkCount(characters: Int, blockSize: Int) -> Int {
    characters < blockSize + 1 ? 0 : (characters - blockSize - 1) / blockSize + 1
  }

  public func appendTokens(of index: Int, to tokens: inout [Int32]) throws {
    precondition((0..<count).contains(index))
    let first = range.lowerBound + index * blockSize
    let (bytes, skipped) = location(of: first..<first + blockSize + 1)
    let end = tokens.count + blockSize + 1
    try file.withBytes(bytes) { bytes in
      var toSkip = skipped
      let isKnown = forEachScalar(in: bytes) { scalar in
        if toSkip > 0 {
          toSkip -= 1
        } else if tokens.count < end {
          guard let id = tokenizer.id(of: scalar) else { return false }
          tokens.append(Int32(id))
        }
        return true
      }
      guard isKnown, tokens.count == end else { throw file.changed() }
    }
  }

  /// Bytes that hold the characters, and how many characters to skip before the first wanted one.
  private func location(of characters: Range<Int>) -> (bytes: Range<Int>, skipped: Int) {
    guard case .sparse(let offsets) = index else {
      return (textStart + characters.lowerBound..<textStart + characters.upperBound, 0)
    }
    let stride = CorpusScan.scalarStride
    let first = characters.lowerBound / stride
    let afterLast = (characters.upperBound + stride - 1) / stride
    let end = afterLast < offsets.count ? offsets[afterLast] : byteCount
    return (offsets[first]..<end, characters.lowerBound - first * stride)
  }
}
