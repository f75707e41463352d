// Pieces of a corpus put together, in order: what follows from where one ends for where the next begins.

import GPTModel

struct ScanMerge {
  private let workflow: Workflow
  private(set) var textStart = 0
  private(set) var characterCount = 0
  private(set) var carriageReturnCount = 0
  private(set) var isASCII = true
  private(set) var marks: [Int] = []
  private(set) var documentCount = 0
  private(set) var blanks: UInt32 = 0
  /// Of the line that the last piece has left open.
  private var hasBegun = false
  private var pending: UInt32 = 0

  init(workflow: Workflow) { self.workflow = workflow }

  /// - Parameter stride: of the index.
  mutating func append(_ piece: ScanPiece, _ span: ScanSpan, stride: Int) {
    if workflow == .documents {
      if span.isPartStart { endLine() }
      appendMarksOfDocuments(piece, span, stride)
      appendLines(piece)
      if span.isPartEnd { endLine() }
    } else {
      for mark in piece.marks { marks.append(mark + characterCount << 1) }
    }
    textStart += piece.markBytes
    characterCount += piece.characterCount
    carriageReturnCount += piece.carriageReturnCount
    if !piece.isASCII { isASCII = false }
  }

  private mutating func endLine() {
    hasBegun = false
    pending = 0
  }

  private mutating func appendMarksOfDocuments(_ piece: ScanPiece, _ span: ScanSpan, _ stride: Int) {
    var offset = (span.range.lowerBound + stride - 1) / stride * stride
    for mark in piece.marks {
      var mark = mark + documentCount << 1
      if hasBegun {
        // The first line's document began before the piece.
        if offset <= piece.firstLineEnd ?? Int.max { mark |= 1 }
      } else if let first = piece.firstText, offset > first {
        mark += 1 << 1
      }
      marks.append(mark)
      offset += stride
    }
  }

  private mutating func appendLines(_ piece: ScanPiece) {
    if piece.firstText != nil {
      if hasBegun { blanks |= pending | piece.firstBlanks } else { documentCount += 1 }
    }
    blanks |= piece.blanks
    documentCount += piece.documentCount
    if piece.firstText != nil || piece.firstLineEnd != nil {
      hasBegun = piece.hasBegun
      pending = piece.pending
    } else if hasBegun {
      pending |= piece.firstBlanks
    }
  }
}
