// Documents, one per line, in an order chosen once for the whole training.

import Platform
import GPTModel
import Reproducibility

/// The order in which documents are trained on. A training has only one, which its parts share.
public struct DocumentOrder: Sendable {
  /// Position → document; nil means file order.
  private let permutation: [Int]?
  public let count: Int

  /// Shuffled once from the seed, or in file order.
  public init(count: Int, seed: UInt64, isShuffled: Bool) {
    self.count = count
    if isShuffled {
      var random = Philox(seed: seed, purpose: .documentOrder)
      permutation = random.permutation(count)
    } else {
      permutation = nil
    }
  }

  public func document(at position: Int) -> Int { permutation?[position] ?? position }
}

/// Documents as `[BOS] + characters + [BOS]`, cropped to T + 1 tokens.
public struct DocumentSource: SequenceSource {
  public let blockSize: Int
  private let positions: Range<Int>
  private let order: DocumentOrder
  private let file: CorpusFile
  private let starts: [Int]
  private let lengths: [UInt32]
  private let tokenizer: CharacterTokenizer

  /// - Parameters:
  ///   - scan: of `file`, for the workflow `documents`.
  ///   - positions: which part of `order`; nil = all.
  /// - Throws: `InvalidInput` if the tokenizer lacks a character of the text; `RuntimeFailure` if `file`
  ///   is not the one that was scanned.
  public init(
    file: CorpusFile, scan: CorpusScan, tokenizer: CharacterTokenizer, blockSize: Int, order: DocumentOrder,
    positions: Range<Int>? = nil
  ) throws {
    guard case .documents(let starts, let lengths) = scan.index else {
      preconditionFailure("the scan was made for another workflow")
    }
    precondition(order.count == starts.count && blockSize >= 1)
    self.positions = positions ?? 0..<starts.count
    precondition(self.positions.lowerBound >= 0 && self.positions.upperBound <= starts.count)
    guard file.byteCount == scan.byteCount else { throw file.changed() }
    try scan.checkAlphabet(against: tokenizer, path: file.path)
    self.blockSize = blockSize
    self.order = order
    self.file = file
    self.starts = starts
    self.lengths = lengths
    self.tokenizer = tokenizer
  }

  public var count: Int { positions.count }

  public func appendTokens(of index: Int, to tokens: inout [Int32]) throws {
    precondition((0..<count).contains(index))
    let document = order.document(at: positions.lowerBound + index)
    let bos = Int32(tokenizer.bosID)
    let end = tokens.count + blockSize + 1
    tokens.append(bos)
    // T characters of at most 4 bytes: longer lines are not read to the end.
    let start = starts[document]
    let length = Int(lengths[document])
    let isWhole = length <= 4 * blockSize
    try file.withBytes(start..<start + min(length, 4 * blockSize)) { bytes in
      var isKnown = true
      let isValid = forEachScalar(in: bytes) { scalar in
        guard tokens.count < end else { return true }
        guard let id = tokenizer.id(of: scalar) else {
          isKnown = false
          return false
        }
        tokens.append(Int32(id))
        return true
      }
      // A long line may be cut inside a character, beyond the T that are wanted.
      guard isKnown, isValid || (!isWhole && tokens.count == end) else { throw file.changed() }
    }
    if tokens.count < end { tokens.append(bos) }
  }
}
