// Documents, one per line, in an order chosen once for the whole training.

import CorpusFiles
import GPTModel
import Platform

/// Documents as `[BOS] + characters + [BOS]`, cropped to T + 1 tokens. A document is a line without the white space
/// around it; lines of nothing else are none. The end of a file ends a line.
public struct DocumentSource: SequenceSource {
  public let blockSize: Int
  private let positions: Range<Int>
  private let order: DocumentOrder
  private let file: CorpusFile
  private let places: SparseIndex
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
    guard case .documents(let count, let places) = scan.index else {
      preconditionFailure("the scan was made for another workflow")
    }
    precondition(order.count == count && blockSize >= 1)
    self.positions = positions ?? 0..<count
    precondition(self.positions.lowerBound >= 0 && self.positions.upperBound <= count)
    guard file.byteCount == scan.byteCount else { throw file.changed() }
    try scan.checkAlphabet(against: tokenizer, path: file.path)
    self.blockSize = blockSize
    self.order = order
    self.file = file
    self.places = places
    self.tokenizer = tokenizer
  }

  public var count: Int { positions.count }

  public func appendTokens(of index: Int, to tokens: inout [Int32]) throws {
    precondition((0..<count).contains(index))
    let document = try order.document(at: positions.lowerBound + index)
    let bos = Int32(tokenizer.bosID)
    let end = tokens.count + blockSize + 1
    tokens.append(bos)
    var line = Line(places.place(of: document), wanted: document)
    try read(&line, until: end, into: &tokens)
    if tokens.count < end { tokens.append(bos) }
  }

  /// Where reading has come.
  private struct Line {
    /// The next byte.
    var offset: Int
    /// Number of the next document that begins.
    var next: Int
    let wanted: Int
    /// Whether the line has begun a document.
    var hasBegun: Bool
    /// Whether that is the wanted one.
    var isWanted = false
    /// White space since its last text, as far as there is room for it.
    var pending: [UInt32] = []

    init(_ place: SparseIndex.Place, wanted: Int) {
      (offset, next, hasBegun) = (place.offset, place.next, place.flag)
      self.wanted = wanted
    }
  }

  /// After the first bytes, which are enough for most: of a long line, or of white space.
  private static let furtherBytes = 1 << 16

  private func read(_ line: inout Line, until end: Int, into tokens: inout [Int32]) throws {
    var partIndex = file.partIndex(at: line.offset)
    var window = places.stride + 4 * (blockSize + 1)
    var isFirst = true
    while true {
      let partEnd = file.parts[partIndex].range.upperBound
      guard line.offset < partEnd else {
        // A file ends, and its last line.
        if line.isWanted { return }
        line.hasBegun = false
        partIndex += 1
        guard partIndex < file.parts.count else { throw file.changed() }
        continue
      }
      let range = line.offset..<min(line.offset + window, partEnd)
      let isDone = try file.withBytes(range) { bytes in
        guard let text = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { throw file.changed() }
        var position = 0
        // A mark may be within a character, which began before it.
        if isFirst { while position < min(3, bytes.count), isContinuation(text[position]) { position += 1 } }
        if line.offset == 0, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        defer { line.offset += position }
        return try take(
          text, &position, bytes.count, &line, until: end, into: &tokens, isLast: range.upperBound == partEnd)
      }
      if isDone { return }
      isFirst = false
      window = Self.furtherBytes
    }
  }

  /// - Returns: whether the document is complete.
  private func take(
    _ text: UnsafePointer<UInt8>, _ position: inout Int, _ count: Int, _ line: inout Line, until end: Int,
    into tokens: inout [Int32], isLast: Bool
  ) throws -> Bool {
    var value: UInt32 = 0
    while position < count {
      let length = decodeScalar(text, at: position, end: count, into: &value)
      // A character that goes on beyond these bytes begins the next ones.
      if length == 0, !isLast, position > 0 { return false }
      guard length > 0 else { throw file.changed() }
      if Blanks.endsLine(value) {
        if line.isWanted { return true }
        line.hasBegun = false
      } else if Blanks.set(of: value) != 0 {
        if line.isWanted, tokens.count + line.pending.count < end { line.pending.append(value) }
      } else {
        if !line.hasBegun {
          line.hasBegun = true
          line.isWanted = line.next == line.wanted
          line.next += 1
        }
        if line.isWanted {
          for blank in line.pending { tokens.append(try token(blank)) }
          line.pending.removeAll(keepingCapacity: true)
          if tokens.count < end { tokens.append(try token(value)) }
          if tokens.count == end { return true }
        }
      }
      position += length
    }
    return false
  }

  private func token(_ value: UInt32) throws -> Int32 {
    guard let id = Unicode.Scalar(value).flatMap(tokenizer.id(of:)) else { throw file.changed() }
    return Int32(id)
  }
}
