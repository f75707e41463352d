// Chunks of continuous text. A chunk has no BOS; neighbours share one character, the last target of one and
// the first input of the next.

import CorpusFiles
import GPTModel
import Platform

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
      guard let text = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { throw file.changed() }
      var position = 0
      // A mark may be within a character, which began before it.
      while position < min(3, bytes.count), isContinuation(text[position]) { position += 1 }
      for _ in 0..<skipped where position < bytes.count {
        position += 1
        while position < bytes.count, isContinuation(text[position]) { position += 1 }
      }
      var value: UInt32 = 0
      while tokens.count < end {
        guard position < bytes.count else { throw file.changed() }
        let length = decodeScalar(text, at: position, end: bytes.count, into: &value)
        guard length > 0, let id = Unicode.Scalar(value).flatMap(tokenizer.id(of:)) else {
          throw file.changed()
        }
        tokens.append(Int32(id))
        position += length
      }
    }
  }

  /// Bytes that hold the characters, and how many characters to skip before the first wanted one.
  private func location(of characters: Range<Int>) -> (bytes: Range<Int>, skipped: Int) {
    guard case .characters(let places) = index else {
      return (textStart + characters.lowerBound..<textStart + characters.upperBound, 0)
    }
    let place = places.place(of: characters.lowerBound)
    let start = max(place.offset, textStart)
    // The first one begins before the next mark; none has more than four bytes.
    let end = min(byteCount, place.offset + places.stride + 4 * characters.count)
    return (start..<max(start, end), characters.lowerBound - place.next)
  }
}
