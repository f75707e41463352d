// The reference for CorpusScan: one pass, byte by byte, from the first to the last, with the place of every character
// and document.

import CorpusFiles
import GPTModel
import Platform
import Reproducibility

@testable import Corpora

/// What is to be found in a text.
struct SequentialScan {
  var byteCount = 0
  var sha256 = ""
  var textStart = 0
  var characterCount = 0
  var carriageReturnCount = 0
  var scalars: [Unicode.Scalar] = []
  var isASCII = true
  /// First byte of each character; chunks only.
  var characters: [Int] = []
  /// Of each document; documents only.
  var documents: [Range<Int>] = []

  /// - Parameter ends: of files, which end lines too.
  /// - Throws: `InvalidInput` as `CorpusScan` does for a file called `x`.
  init(_ bytes: [UInt8], _ workflow: Workflow, ends: [Int] = []) throws {
    var pass = SequentialPass(path: "x", workflow: workflow)
    for (start, end) in zip([0] + ends, ends + [bytes.count]) {
      try bytes[start..<end].withUnsafeBytes { try pass.consume($0, at: start) }
      pass.endFile()
    }
    self = try pass.finish()
  }

  fileprivate init() {}
}

struct SequentialPass {
  private let path: String
  private let workflow: Workflow
  private var hasher = SHA256()
  private var decoder = UTF8Validator()
  private var byteCount = 0
  /// The beginning of the file, from which a foreign format is recognized.
  private var head: [UInt8] = []
  private var textStart = 0
  private var carriageReturnCount = 0
  private var characterCount = 0
  private var isASCII = true
  private var scalars = ScalarSet()
  /// First byte of the character that is being decoded.
  private var characterStart = 0
  private var offsets: [Int] = []
  private var documents = DocumentBoundaries()

  init(path: String, workflow: Workflow) {
    self.path = path
    self.workflow = workflow
  }

  /// - Parameter offset: position of the block's first byte in the file.
  mutating func consume(_ block: UnsafeRawBufferPointer, at offset: Int) throws {
    hasher.update(block)
    head += block.prefix(ForeignFormat.headSize - head.count)
    var position = 0
    while position < block.count {
      if decoder.isAtBoundary {
        let run = plainRun(in: block, from: position)
        accept(
          plain: UnsafeRawBufferPointer(rebasing: block[position..<position + run]), at: offset + position)
        position += run
        guard position < block.count else { break }
        characterStart = offset + position
      }
      let byte = block[position]
      switch decoder.consume(byte) {
      case .incomplete: break
      case .invalid:
        throw invalid(
          byte, at: offset + position, UnsafeRawBufferPointer(rebasing: block[position...]))
      case .scalar(let scalar):
        guard byte != 0 else { throw binary(at: offset + position) }
        if scalar == CorpusScan.byteOrderMark, characterStart == 0 {
          textStart = offset + position + 1
        } else {
          accept(scalar, end: offset + position + 1)
        }
      }
      position += 1
    }
    byteCount = offset + block.count
  }

  mutating func endFile() { documents.endLine() }

  mutating func finish() throws -> SequentialScan {
    guard byteCount > textStart else {
      throw InvalidInput("the corpus \(path) is empty; give a UTF-8 text file")
    }
    guard decoder.isAtBoundary else {
      throw InvalidInput(
        "the corpus \(path) ends inside the character that begins at byte \(characterStart); "
          + "it is cut off or not UTF-8")
    }
    if workflow == .documents {
      documents.endLine()
      guard !documents.starts.isEmpty else {
        throw InvalidInput("the corpus \(path) has no documents: every line is blank")
      }
    }
    var found = SequentialScan()
    (found.byteCount, found.sha256, found.textStart) = (byteCount, hasher.hexadecimalDigest(), textStart)
    (found.characterCount, found.carriageReturnCount) = (characterCount, carriageReturnCount)
    found.scalars = workflow == .chunks ? scalars.sorted : documents.scalars.sorted
    (found.isASCII, found.characters) = (isASCII, offsets)
    found.documents = zip(documents.starts, documents.lengths).map { $0..<$0 + Int($1) }
    return found
  }

  private mutating func accept(_ scalar: Unicode.Scalar, end: Int) {
    if !scalar.isASCII { isASCII = false }
    switch workflow {
    case .chunks:
      offsets.append(characterStart)
      scalars.insert(scalar)
    case .documents:
      documents.accept(scalar, bytes: characterStart..<end)
    }
    characterCount += 1
  }

  /// Many ASCII characters at once: most texts are mostly that.
  private mutating func accept(plain bytes: UnsafeRawBufferPointer, at offset: Int) {
    switch workflow {
    case .chunks:
      offsets += offset..<offset + bytes.count
      for byte in bytes {
        scalars.insert(Unicode.Scalar(byte))
        if byte == UInt8(ascii: "\r") { carriageReturnCount += 1 }
      }
    case .documents:
      for (position, byte) in bytes.enumerated() {
        documents.accept(Unicode.Scalar(byte), bytes: offset + position..<offset + position + 1)
      }
    }
    characterCount += bytes.count
  }

  /// How many bytes from `start` on are ASCII and not NUL.
  private func plainRun(in block: UnsafeRawBufferPointer, from start: Int) -> Int {
    let (highBits, ones): (UInt64, UInt64) = (0x8080_8080_8080_8080, 0x0101_0101_0101_0101)
    var end = start
    while block.count - end >= 8 {
      let word = block.loadUnaligned(fromByteOffset: end, as: UInt64.self)
      // The second term has a high bit where a byte is zero (and, harmlessly, sometimes above one).
      guard (word | (word &- ones) & ~word) & highBits == 0 else { break }
      end += 8
    }
    while end < block.count, (1...0x7F).contains(block[end]) { end += 1 }
    return end - start
  }

  private func binary(at offset: Int) -> InvalidInput {
    if let format = ForeignFormat(head: head) {
      return format.refusal(of: CorpusFile.Part(path: path, range: 0..<0))
    }
    return InvalidInput(
      "the corpus \(path) has a NUL at byte \(offset): it is binary, not text; give a UTF-8 text file")
  }

  /// - Parameter rest: the bytes from the invalid one on, as far as they are at hand.
  private func invalid(_ byte: UInt8, at offset: Int, _ rest: UnsafeRawBufferPointer) -> InvalidInput {
    if let format = ForeignFormat(head: head) {
      return format.refusal(of: CorpusFile.Part(path: path, range: 0..<0))
    }
    let place = "byte 0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16)) cannot stand at offset \(offset)"
    guard isASCII else {
      return InvalidInput(
        "the corpus \(path) is UTF-8 at first, but \(place); if it is damaged, this drops what is not UTF-8: "
          + Conversion.iconv("-c -f UTF-8", CorpusFile.Part(path: path, range: 0..<0)))
    }
    // Windows-1252 is Latin-1 and more, but for five bytes that mean nothing in it.
    let isWestern = !rest.contains { [0x81, 0x8D, 0x8F, 0x90, 0x9D].contains($0) }
    let advice =
      isWestern
      ? "if it is Latin-1 or Windows-1252, convert it: \(Conversion.iconv("-f WINDOWS-1252", CorpusFile.Part(path: path, range: 0..<0)))"
      : "convert it with iconv, which knows many encodings (iconv -l)"
    return InvalidInput("the corpus \(path) is not UTF-8: \(place); \(advice)")
  }
}

/// Finds documents: lines trimmed of white space, blank ones omitted. Lines end as on Unix, Windows or old Macs.
struct DocumentBoundaries {
  private(set) var starts: [Int] = []
  private(set) var lengths: [UInt32] = []
  private(set) var scalars = ScalarSet()
  /// From the first to the last character of this line that is not white space; nil if none so far.
  private var line: Range<Int>?
  /// White space since `line` ended: inside the document only if more text follows.
  private var pending: Set<Unicode.Scalar> = []

  mutating func accept(_ scalar: Unicode.Scalar, bytes: Range<Int>) {
    if scalar == "\n" || scalar == "\r" {
      endLine()
    } else if isBlank(scalar) {
      if line != nil { pending.insert(scalar) }
    } else {
      if !pending.isEmpty {
        for blank in pending { scalars.insert(blank) }
        pending.removeAll(keepingCapacity: true)
      }
      scalars.insert(scalar)
      line = (line?.lowerBound ?? bytes.lowerBound)..<bytes.upperBound
    }
  }

  mutating func endLine() {
    if let line {
      starts.append(line.lowerBound)
      lengths.append(UInt32(clamping: line.count))
    }
    line = nil
    if !pending.isEmpty { pending.removeAll(keepingCapacity: true) }
  }

  private func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII ? scalar == " " || (9...13).contains(scalar.value) : scalar.properties.isWhitespace
  }
}
