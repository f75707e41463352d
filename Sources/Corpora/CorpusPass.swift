// The state of the single pass behind a CorpusScan: hash, validation, alphabet and index, block by block.

import GPTModel
import Platform
import Reproducibility

struct CorpusPass {
  private let path: String
  private let workflow: Workflow
  private var hasher = SHA256()
  private var decoder = UTF8Validator()
  private var byteCount = 0
  private var characterCount = 0
  private var isASCII = true
  private var scalars = ScalarSet()
  /// First byte of the character that is being decoded.
  private var characterStart = 0
  /// First byte of every `CorpusScan.scalarStride`-th character.
  private var sparseOffsets: [Int] = []
  private var documents = DocumentBoundaries()

  init(path: String, workflow: Workflow) {
    self.path = path
    self.workflow = workflow
  }

  /// - Parameter offset: position of the block's first byte in the file.
  mutating func consume(_ block: UnsafeRawBufferPointer, at offset: Int) throws {
    hasher.update(block)
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
      case .invalid: throw invalid(byte, at: offset + position)
      case .scalar(let scalar):
        guard byte != 0 else { throw binary(at: offset + position) }
        accept(scalar, end: offset + position + 1)
      }
      position += 1
    }
    byteCount = offset + block.count
  }

  mutating func finish() throws -> CorpusScan {
    guard byteCount > 0 else { throw InvalidInput("the corpus \(path) is empty; give a UTF-8 text file") }
    guard decoder.isAtBoundary else {
      throw InvalidInput(
        "the corpus \(path) ends inside the character that begins at byte \(characterStart); "
          + "it is cut off or not UTF-8")
    }
    let index: CorpusScan.Index
    switch workflow {
    case .chunks:
      index = isASCII ? .ascii : .sparse(offsets: sparseOffsets)
    case .documents:
      documents.endLine()
      guard !documents.starts.isEmpty else {
        throw InvalidInput("the corpus \(path) has no documents: every line is blank")
      }
      index = .documents(starts: documents.starts, lengths: documents.lengths)
    }
    return CorpusScan(
      workflow: workflow, byteCount: byteCount, sha256: hasher.hexadecimalDigest(),
      characterCount: characterCount,
      scalars: workflow == .chunks ? scalars.sorted : documents.scalars.sorted, index: index)
  }

  private mutating func accept(_ scalar: Unicode.Scalar, end: Int) {
    switch workflow {
    case .chunks:
      if !scalar.isASCII { isASCII = false }
      if characterCount % CorpusScan.scalarStride == 0 { sparseOffsets.append(characterStart) }
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
      let stride = CorpusScan.scalarStride
      var next = (characterCount + stride - 1) / stride * stride
      while next < characterCount + bytes.count {
        sparseOffsets.append(offset + next - characterCount)
        next += stride
      }
      for byte in bytes { scalars.insert(Unicode.Scalar(byte)) }
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
    InvalidInput(
      "the corpus \(path) has a NUL at byte \(offset): it is binary or UTF-16; give a UTF-8 text file")
  }

  private func invalid(_ byte: UInt8, at offset: Int) -> InvalidInput {
    InvalidInput(
      "the corpus \(path) is not UTF-8: byte 0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16)) "
        + "cannot stand at offset \(offset); convert it, for example with iconv -t UTF-8")
  }
}

/// Finds documents: lines trimmed of white space, blank ones omitted.
struct DocumentBoundaries {
  private(set) var starts: [Int] = []
  private(set) var lengths: [UInt32] = []
  private(set) var scalars = ScalarSet()
  /// From the first to the last character of this line that is not white space; nil if none so far.
  private var line: Range<Int>?
  /// White space since `line` ended: inside the document only if more text follows.
  private var pending: Set<Unicode.Scalar> = []

  mutating func accept(_ scalar: Unicode.Scalar, bytes: Range<Int>) {
    if scalar == "\n" {
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
