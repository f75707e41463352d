// Scans of bytes, cut in any way.

import CorpusFiles
import GPTModel
import TestSupport

@testable import Corpora

/// A text in a file called `x`, or in several.
struct Scanned {
  let folder: TemporaryFolder
  let file: CorpusFile

  /// - Parameter ends: of all files but the last.
  init(_ bytes: [UInt8], ends: [Int] = []) throws {
    folder = try TemporaryFolder()
    var (places, parts): ([String], [CorpusFile.Part]) = ([], [])
    for (number, (start, end)) in zip([0] + ends, ends + [bytes.count]).enumerated() {
      places.append(try folder.file(bytes[start..<end], named: "\(number)"))
      parts.append(CorpusFile.Part(path: "x", range: start..<end))
    }
    file = try CorpusFile(name: "x", opening: places, parts: parts)
  }

  func scan(_ workflow: Workflow, _ layout: ScanLayout) throws -> CorpusScan {
    try CorpusScan(of: file, workflow: workflow, layout: layout)
  }
}

extension ScanLayout {
  /// Pieces of so many bytes, on threads however small the text is.
  init(pieces: Int, threads: Int = 2, mostMarks: Int = SparseIndex.mostMarks) {
    self.init(
      pieceBytes: pieces, threads: threads, mostMarks: mostMarks, threadedBytes: threads > 1 ? 0 : .max)
  }
}

/// Scans bytes in blocks of any size.
func scan(_ bytes: [UInt8], _ workflow: Workflow, block: Int) throws -> CorpusScan {
  try Scanned(bytes).scan(workflow, ScanLayout(pieces: block))
}

/// The same in memory: whether it is a text.
func isText(_ bytes: [UInt8]) -> Bool {
  let span = ScanSpan(range: 0..<bytes.count, part: 0, partRange: 0..<bytes.count)
  let piece = bytes.withUnsafeBytes {
    ScanPiece($0, span, stride: 64, workflow: .chunks, alphabet: sharedAlphabet)
  }
  return piece.failure == nil && bytes.count > piece.markBytes
}

nonisolated(unsafe) private let sharedAlphabet = AlphabetSet()
