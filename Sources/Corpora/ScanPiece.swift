// One piece of a corpus, read without knowing what came before it: pieces are scanned in any order, on any thread, and
// put together in theirs (ScanMerge).

import GPTModel

/// Which bytes make a piece. It is the characters that begin there, so that it may end some bytes later.
struct ScanSpan: Equatable, Sendable {
  let range: Range<Int>
  /// Number of the file that it is of; pieces do not cross files.
  let part: Int
  let partRange: Range<Int>

  var isPartStart: Bool { range.lowerBound == partRange.lowerBound }
  var isPartEnd: Bool { range.upperBound == partRange.upperBound }

  /// The pieces of files.
  static func all(of parts: [Range<Int>], pieceBytes: Int) -> [ScanSpan] {
    parts.indices.flatMap { part -> [ScanSpan] in
      let range = parts[part]
      return stride(from: range.lowerBound, to: range.upperBound, by: pieceBytes).map { start in
        ScanSpan(range: start..<min(start + pieceBytes, range.upperBound), part: part, partRange: range)
      }
    }
  }
}

/// Why a text is none: the first wrong byte, in the whole.
enum ScanFailure: Equatable, Sendable {
  case nul(Int)
  case invalid(Int)
  /// The file ends inside the character that begins there.
  case cut(Int)
}

struct ScanPiece: Equatable, Sendable {
  var characterCount = 0
  var carriageReturnCount = 0
  /// Up to the failure, if there is one.
  var isASCII = true
  /// Bytes of a byte order mark at the beginning of the text.
  var markBytes = 0
  var failure: ScanFailure?
  /// As in `SparseIndex`, of the marks in the piece's range, counted from its beginning.
  var marks: [Int] = []

  // Documents. The first line may have begun in an earlier piece: what is told of it holds if no document has begun on
  // it, and `ScanMerge` corrects it if one has.

  /// Beginnings of documents, except on the first line.
  var documentCount = 0
  /// First byte that is not white space on the first line.
  var firstText: Int?
  /// White space of the first line before `firstText`, or all of it.
  var firstBlanks: UInt32 = 0
  var firstLineEnd: Int?
  /// The last line, if it is another: whether a document has begun on it, and white space since its last text.
  var hasBegun = false
  var pending: UInt32 = 0
  /// White space inside documents.
  var blanks: UInt32 = 0

  /// - Parameters:
  ///   - bytes: of the piece, and three more where the file has them.
  ///   - stride: of the index.
  init(
    _ bytes: UnsafeRawBufferPointer, _ span: ScanSpan, stride: Int, workflow: Workflow,
    alphabet: AlphabetSet
  ) {
    let text = bytes.assumingMemoryBound(to: UInt8.self)
    guard let base = text.baseAddress else { return }
    var start = 0
    if !span.isPartStart {
      while start < min(3, text.count), isContinuation(base[start]) { start += 1 }
    }
    var end = span.range.count
    while end < text.count, isContinuation(base[end]) { end += 1 }
    if span.range.lowerBound == 0, end >= 3, base[0] == 0xEF, base[1] == 0xBB, base[2] == 0xBF {
      markBytes = 3
      start = 3
    }
    let offset = span.range.lowerBound
    let isPartEnd = offset + end == span.partRange.upperBound
    // In bytes of the piece.
    var mark = (offset + stride - 1) / stride * stride - offset
    var position = start
    while true {
      let limit = max(start, min(mark, end))
      position =
        workflow == .chunks
        ? scanCharacters(base, position, limit, end, offset, isPartEnd, alphabet)
        : scanDocuments(base, position, limit, end, offset, isPartEnd, alphabet)
      if failure != nil { return }
      guard mark < span.range.count else { break }
      marks.append(
        workflow == .chunks ? characterCount << 1 : documentCount << 1 | (hasBegun ? 1 : 0))
      mark += stride
    }
  }

  /// Where the next eight bytes are ASCII without a NUL; also false for some that are.
  @inline(__always)
  private static func isPlain(_ word: UInt64) -> Bool {
    (word | (word &- 0x0101_0101_0101_0101) & ~word) & 0x8080_8080_8080_8080 == 0
  }

  /// Characters that begin before `limit`.
  /// - Returns: the first byte after them.
  private mutating func scanCharacters(
    _ bytes: UnsafePointer<UInt8>, _ start: Int, _ limit: Int, _ end: Int, _ offset: Int, _ isPartEnd: Bool,
    _ alphabet: AlphabetSet
  ) -> Int {
    var position = start
    var (count, returns) = (characterCount, carriageReturnCount)
    defer { (characterCount, carriageReturnCount) = (count, returns) }
    let seen = alphabet.frequent
    while position < limit {
      let first = position
      while position + 8 <= limit {
        let word = UnsafeRawPointer(bytes + position).loadUnaligned(as: UInt64.self)
        guard Self.isPlain(word) else { break }
        Self.note(word, in: seen)
        if !Self.isPlain(word ^ 0x0D0D_0D0D_0D0D_0D0D) {
          for index in 0..<8 where bytes[position + index] == 0x0D { returns += 1 }
        }
        position += 8
      }
      count += position - first
      while position < limit, bytes[position] < 0x80 {
        let byte = bytes[position]
        guard byte != 0 else {
          failure = .nul(offset + position)
          return position
        }
        if byte == 0x0D { returns += 1 }
        seen[Int(byte)] = 1
        position += 1
        count += 1
        if position % 8 == 0, position + 8 <= limit { break }
      }
      var value: UInt32 = 0
      while position < limit, bytes[position] >= 0x80 {
        let length = decodeScalar(bytes, at: position, end: end, into: &value)
        guard length > 0 else {
          fail(length, position, end, offset, isPartEnd)
          return position
        }
        isASCII = false
        alphabet.insert(value)
        position += length
        count += 1
      }
    }
    return position
  }

  /// Eight bytes at once.
  @inline(__always)
  private static func note(_ word: UInt64, in seen: UnsafeMutablePointer<UInt8>) {
    seen[Int(word & 0xFF)] = 1
    seen[Int(word >> 8 & 0xFF)] = 1
    seen[Int(word >> 16 & 0xFF)] = 1
    seen[Int(word >> 24 & 0xFF)] = 1
    seen[Int(word >> 32 & 0xFF)] = 1
    seen[Int(word >> 40 & 0xFF)] = 1
    seen[Int(word >> 48 & 0xFF)] = 1
    seen[Int(word >> 56)] = 1
  }

  private mutating func scanDocuments(
    _ bytes: UnsafePointer<UInt8>, _ start: Int, _ limit: Int, _ end: Int, _ offset: Int, _ isPartEnd: Bool,
    _ alphabet: AlphabetSet
  ) -> Int {
    var position = start
    var count = characterCount
    defer { characterCount = count }
    var value: UInt32 = 0
    while position < limit {
      // Most of a text: a document that has begun.
      if hasBegun {
        let first = position
        position = scanPlainLine(bytes, position, limit, alphabet.frequent)
        count += position - first
        guard position < limit else { break }
      }
      let length = decodeScalar(bytes, at: position, end: end, into: &value)
      guard length > 0 else {
        fail(length, position, end, offset, isPartEnd)
        return position
      }
      guard value != 0 else {
        failure = .nul(offset + position)
        return position
      }
      if value >= 0x80 { isASCII = false }
      if Blanks.endsLine(value) {
        if firstLineEnd == nil { firstLineEnd = offset + position }
        hasBegun = false
        pending = 0
      } else {
        accept(value, Blanks.set(of: value), at: offset + position, alphabet)
      }
      position += length
      count += 1
    }
    return position
  }

  /// Printable ASCII of a document that has begun, eight bytes at a time.
  ///
  /// - Parameter seen: also gets spaces that are in no document: of them only `blanks` tells.
  /// - Returns: the first byte that is something else, or one of the last eight.
  @inline(__always)
  private mutating func scanPlainLine(
    _ bytes: UnsafePointer<UInt8>, _ start: Int, _ limit: Int, _ seen: UnsafeMutablePointer<UInt8>
  ) -> Int {
    let (highs, spaces): (UInt64, UInt64) = (0x8080_8080_8080_8080, 0x2020_2020_2020_2020)
    var position = start
    var (blanks, pending) = (self.blanks, self.pending)
    while position + 8 <= limit {
      var word = UnsafeRawPointer(bytes + position).loadUnaligned(as: UInt64.self)
      guard word & highs == 0 else { break }
      // A high bit where a byte is below the space; the lowest one is exact.
      let controls = (word &- spaces) & ~word & highs
      let count = controls == 0 ? 8 : controls.trailingZeroBitCount / 8
      guard count > 0 else { break }
      if count < 8 {
        let kept = UInt64(1) << UInt64(8 * count) - 1
        word = word & kept | spaces & ~kept
      }
      Self.note(word, in: seen)
      // Zero where a byte is a space; the first byte of the text is the lowest.
      let others = word ^ spaces
      let trailing = others.leadingZeroBitCount / 8
      if trailing < 8 {
        let inner = trailing == 0 ? others : others | ~0 << UInt64(64 - 8 * trailing)
        if (inner &- 0x0101_0101_0101_0101) & ~inner & highs != 0 { blanks |= 1 }
        blanks |= pending
        pending = 0
      }
      if trailing > 8 - count { pending |= 1 }
      position += count
      if count < 8 { break }
    }
    (self.blanks, self.pending) = (blanks, pending)
    return position
  }

  /// A character of a line.
  @inline(__always)
  private mutating func accept(_ scalar: UInt32, _ blank: UInt32, at offset: Int, _ alphabet: AlphabetSet) {
    if blank != 0 {
      if hasBegun {
        pending |= blank
      } else if firstLineEnd == nil {
        firstBlanks |= blank
      }
      return
    }
    if !hasBegun {
      hasBegun = true
      if firstLineEnd == nil { firstText = offset } else { documentCount += 1 }
    }
    blanks |= pending
    pending = 0
    alphabet.insert(scalar)
  }

  private mutating func fail(_ length: Int, _ position: Int, _ end: Int, _ offset: Int, _ isPartEnd: Bool) {
    if length < 0 {
      failure = .invalid(offset + position - length - 1)
    } else {
      // What comes after a piece is no continuation, or it would belong to it.
      failure = isPartEnd ? .cut(offset + position) : .invalid(offset + end)
    }
  }
}
