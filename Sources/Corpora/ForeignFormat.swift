// What a file that is no UTF-8 text is, as far as its beginning tells, and the commands that make text of it.

import CorpusFiles
import Platform

/// A format that is often mistaken for plain text.
struct ForeignFormat: Equatable {
  /// `UTF-16`, `a PDF document`
  let name: String
  /// What iconv calls it, if it is an encoding.
  let encoding: String?
  /// The program that gives its content, if it is packed in a way that is not taken as it is.
  let unpacker: String?

  /// How many bytes of a file are enough.
  static let headSize = 4096

  /// - Parameter head: the first bytes of a file that is not UTF-8.
  init?(head: [UInt8]) {
    let marked = Self.marks.first { head.starts(with: $0.bytes) }
    guard let encoding = marked?.encoding ?? Self.wideEncoding(of: head) else {
      guard let known = Self.signatures.first(where: { head.starts(with: $0.bytes) }) else { return nil }
      (name, encoding, unpacker) = (known.name, nil, known.unpacker)
      return
    }
    (name, self.encoding, unpacker) = (encoding, encoding, nil)
  }

  func refusal(of part: CorpusFile.Part) -> InvalidInput {
    var advice = "give a UTF-8 text file"
    if let encoding { advice = "convert it: " + Conversion.iconv("-f \(encoding)", part) }
    if let unpacker { advice = "unpack it: " + Conversion.unpack(unpacker, part) }
    return InvalidInput("the corpus \(part.path) is \(name), not UTF-8 text; \(advice)")
  }

  /// Byte order marks, the longer ones first.
  private static let marks: [(bytes: [UInt8], encoding: String)] = [
    ([0xFF, 0xFE, 0, 0], "UTF-32"), ([0, 0, 0xFE, 0xFF], "UTF-32"),
    ([0xFF, 0xFE], "UTF-16"), ([0xFE, 0xFF], "UTF-16"),
  ]

  /// Compressed texts are decompressed before: what is found here was compressed twice, or by others.
  private static let signatures: [(bytes: [UInt8], name: String, unpacker: String?)] = [
    ([0x1F, 0x8B], "compressed by gzip", "gzip -dc"), (Array("BZh".utf8), "compressed by bzip2", "bzip2 -dc"),
    ([0xFD] + Array("7zXZ".utf8), "compressed by xz", "xz -dc"),
    ([0x28, 0xB5, 0x2F, 0xFD], "compressed by zstd", "zstd -dc"),
    (Array("PK\u{3}\u{4}".utf8), "a ZIP archive or a document of a word processor", nil),
    ([0xD0, 0xCF, 0x11, 0xE0], "a document of a word processor", nil),
    (Array("%PDF".utf8), "a PDF document", nil), ([0x89] + Array("HDF".utf8), "an HDF5 file", nil),
    (Array("HDF5-based Julia Data".utf8), "a checkpoint", nil),
    ([0x89] + Array("PNG".utf8), "a picture", nil),
    ([0xFF, 0xD8, 0xFF], "a picture", nil), ([0x7F] + Array("ELF".utf8), "a program", nil),
  ]

  /// UTF-16 or UTF-32 without a mark, by where the zeros are: the upper bytes of most characters.
  private static func wideEncoding(of head: [UInt8]) -> String? {
    guard head.count >= 4 else { return nil }
    var zeros = [0, 0, 0, 0]
    for (position, byte) in head.enumerated() where byte == 0 { zeros[position % 4] += 1 }
    let quads = head.count / 4
    if zeros[3] >= quads, zeros[2] * 10 >= quads * 9, zeros[0] == 0 { return "UTF-32LE" }
    if zeros[0] >= quads, zeros[1] * 10 >= quads * 9, zeros[3] == 0 { return "UTF-32BE" }
    let (even, odd, pairs) = (zeros[0] + zeros[2], zeros[1] + zeros[3], head.count / 2)
    // Some NULs in a plain text are no encoding.
    func isMany(_ count: Int) -> Bool { count >= pairs || count >= 8 && count * 10 >= pairs }
    if even == 0, isMany(odd) { return "UTF-16LE" }
    if odd == 0, isMany(even) { return "UTF-16BE" }
    return nil
  }
}

/// Commands for a shell that write a better text beside the old one.
enum Conversion {
  /// - Parameter from: iconv's options for what the file is.
  static func iconv(_ from: String, _ part: CorpusFile.Part) -> String {
    let output = output("utf8", part)
    return part.compression == nil
      ? "iconv \(from) -t UTF-8 \(input(part)) > \(output)"
      : "\(reader(part)) | iconv \(from) -t UTF-8 > \(output)"
  }

  /// - Parameter set: the arguments of `tr`.
  static func tr(_ set: String, _ part: CorpusFile.Part) -> String {
    part.compression == nil
      ? "tr \(set) < \(shellQuoted(part.path)) > \(output("unix", part))"
      : "\(reader(part)) | tr \(set) > \(output("unix", part))"
  }

  static func unpack(_ program: String, _ part: CorpusFile.Part) -> String {
    part.compression == nil
      ? "\(program) \(input(part)) > \(output("unpacked", part))"
      : "\(reader(part)) | \(program) > \(output("unpacked", part))"
  }

  /// A name like an option is read as one.
  private static func input(_ part: CorpusFile.Part) -> String {
    shellQuoted(part.path.hasPrefix("-") ? "./" + part.path : part.path)
  }

  /// A command that writes the text of a compressed file.
  private static func reader(_ part: CorpusFile.Part) -> String {
    "\(part.compression == .zstd ? "zstd" : "gzip") -dc \(input(part))"
  }

  /// `novel.txt` → `novel.utf8.txt`, or the first name after it that is free.
  private static func output(_ word: String, _ part: CorpusFile.Part) -> String {
    let suffixes = part.compression == nil ? [] : [".gz", ".zst"]
    let packed = suffixes.first { part.path.hasSuffix($0) } ?? ""
    let path = String(part.path.dropLast(packed.count))
    let (stem, suffix) = stemAndSuffix(of: fileName(of: path))
    let folder = path.dropLast(fileName(of: path).count)
    let names = (1...).lazy.map { "\(folder)\(stem).\(word)\($0 == 1 ? "" : "-\($0)")\(suffix)" }
    return shellQuoted(names.first { FileIdentity($0) == nil } ?? path + "." + word)
  }
}
