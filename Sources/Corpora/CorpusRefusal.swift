// What is said of a file that is no text: where it goes wrong, what it may be, and the command that makes text of it.

import CorpusFiles
import Platform

enum CorpusRefusal {
  /// How far a wrong byte is looked beyond, for what the file may be.
  private static let blockBytes = 1 << 20

  /// - Parameters:
  ///   - failure: of a file of the corpus.
  ///   - isASCII: whether that is, up to the failure.
  /// - Returns: the refusal; or what went wrong when the file was looked at again.
  static func error(
    _ failure: ScanFailure, part number: Int, isASCII: Bool, in file: CorpusFile
  ) -> any Error {
    let part = file.parts[number]
    do {
      switch failure {
      case .cut(let start):
        return InvalidInput(
          "the corpus \(part.path) ends inside the character that begins at byte "
            + "\(start - part.range.lowerBound); it is cut off or not UTF-8")
      case .nul(let offset):
        if let format = try format(of: part, in: file) { return format.refusal(of: part) }
        return InvalidInput(
          "the corpus \(part.path) has a NUL at byte \(offset - part.range.lowerBound): it is binary, not text; "
            + "give a UTF-8 text file")
      case .invalid(let offset):
        if let format = try format(of: part, in: file) { return format.refusal(of: part) }
        let local = offset - part.range.lowerBound
        let end = min(part.range.count, local / blockBytes * blockBytes + blockBytes)
        return try file.withBytes(offset..<part.range.lowerBound + end) { rest in
          invalid(rest, at: local, isASCII: isASCII, part)
        }
      }
    } catch {
      return error
    }
  }

  private static func format(of part: CorpusFile.Part, in file: CorpusFile) throws -> ForeignFormat? {
    let start = part.range.lowerBound
    return try file.withBytes(start..<start + min(part.range.count, ForeignFormat.headSize)) {
      ForeignFormat(head: Array($0))
    }
  }

  /// - Parameter rest: the bytes from the invalid one on, as far as they are looked at.
  private static func invalid(
    _ rest: UnsafeRawBufferPointer, at offset: Int, isASCII: Bool, _ part: CorpusFile.Part
  ) -> InvalidInput {
    let (path, byte) = (part.path, rest[0])
    let place = "byte 0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16)) cannot stand at offset \(offset)"
    guard isASCII else {
      return InvalidInput(
        "the corpus \(path) is UTF-8 at first, but \(place); if it is damaged, this drops what is not UTF-8: "
          + Conversion.iconv("-c -f UTF-8", part))
    }
    // Windows-1252 is Latin-1 and more, but for five bytes that mean nothing in it.
    let isWestern = !rest.contains { [0x81, 0x8D, 0x8F, 0x90, 0x9D].contains($0) }
    let advice =
      isWestern
      ? "if it is Latin-1 or Windows-1252, convert it: \(Conversion.iconv("-f WINDOWS-1252", part))"
      : "convert it with iconv, which knows many encodings (iconv -l)"
    return InvalidInput("the corpus \(path) is not UTF-8: \(place); \(advice)")
  }
}
