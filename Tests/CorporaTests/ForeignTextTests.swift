// Texts of other systems and encodings: what is taken, what is said, and that the advice works.

import CorpusFiles
import CorpusSupport
import Foundation
import GPTModel
import Platform
import TestSupport
import Testing

@testable import Corpora

@Suite struct ForeignTexts {
  private static let text = String(repeating: "Zoë paid 5 £ for a crêpe.\nNaïve, très cher!\n", count: 40)

  private static func wide<Unit: FixedWidthInteger>(_ units: [Unit], isBig: Bool) -> [UInt8] {
    units.flatMap { unit in withUnsafeBytes(of: isBig ? unit.bigEndian : unit.littleEndian) { Array($0) } }
  }

  /// Name, bytes, and what the refusal calls it. All encode `text`.
  private static let encodings: [(name: String, bytes: [UInt8])] = {
    let (utf16, utf32) = (Array(text.utf16), text.unicodeScalars.map(\.value))
    var all = [("WINDOWS-1252", text.unicodeScalars.map { UInt8($0.value) })]
    for (isBig, end) in [(false, "LE"), (true, "BE")] {
      all.append(("UTF-16", wide([0xFEFF] + utf16, isBig: isBig)))
      all.append(("UTF-16" + end, wide(utf16, isBig: isBig)))
      all.append(("UTF-32", wide([0xFEFF] + utf32, isBig: isBig)))
      all.append(("UTF-32" + end, wide(utf32, isBig: isBig)))
    }
    return all
  }()

  private static func refusal(_ path: String) throws -> String {
    let error = #expect(throws: InvalidInput.self) {
      try CorpusScan(of: CorpusFile(path: path), workflow: .chunks)
    }
    return try #require(error).message
  }

  /// The command is run as it is printed, whatever the file is called.
  @Test(arguments: encodings.indices, ["novel.txt", "my novel's.txt", "-novel", "né"])
  func theAdvisedCommandWorks(index: Int, name: String) throws {
    let (encoding, bytes) = Self.encodings[index]
    let folder = try TemporaryFolder()
    let message = try Self.refusal(folder.file(bytes, named: name))
    #expect(message.contains(encoding))
    guard Machine.find("iconv") != nil else {
      print("skipped: there is no iconv here")
      return
    }
    let command = try #require(message.components(separatedBy: ": iconv ").last)
    let shell = try ChildProcess(["sh", "-c", "iconv " + command], folder: folder.path)
    #expect(shell.wait() == .status(0), "\(command)")
    let new = try #require(folder.names.first { $0 != name })
    #expect(try folder.text(new) == Self.text)
    #expect(try folder.data(name) == Data(bytes))
    // A second time nothing is overwritten.
    #expect(try !Self.refusal("\(folder.path)/\(name)").hasSuffix(shellQuoted("\(folder.path)/\(new)")))
  }

  @Test func aNameLikeAnOptionIsNotReadAsOne() {
    #expect(
      Conversion.iconv("-f UTF-16", CorpusFile.Part(path: "-a b", range: 0..<1))
        == "iconv -f UTF-16 -t UTF-8 './-a b' > '-a b.utf8'")
    #expect(
      Conversion.iconv("-f UTF-16", CorpusFile.Part(path: "a b.txt.gz", compression: .gzip, range: 0..<1))
        == "gzip -dc 'a b.txt.gz' | iconv -f UTF-16 -t UTF-8 > 'a b.utf8.txt'")
  }

  @Test(arguments: [
    ("\u{1F}\u{8B}", "gzip"), ("PK\u{3}\u{4}", "ZIP"), ("%PDF-1.7\n", "PDF"), ("\u{89}HDF\r\n", "HDF5"),
  ]) func otherFormatsAreNamed(signature: String, name: String) throws {
    let bytes = signature.unicodeScalars.map { UInt8($0.value) } + [0, 0xFF, 0xD8, 7]
    let folder = try TemporaryFolder()
    #expect(try Self.refusal(folder.file(bytes)).contains(name))
  }

  @Test(arguments: Workflow.allCases, ["plain\ntext\n", "größer\n🎭\nals"])
  func aByteOrderMarkIsNoText(_ workflow: Workflow, _ text: String) throws {
    let plain = try TestCorpus(text, workflow)
    let marked = try TestCorpus("\u{FEFF}" + text, workflow)
    #expect(marked.scan.tokenizer == plain.scan.tokenizer)
    #expect(marked.scan.characterCount == plain.scan.characterCount)
    #expect(marked.scan.sha256 != plain.scan.sha256)
    #expect(
      marked.scan.notes(on: marked.file) == [
        "\(marked.file.path) begins with a byte order mark, which is left out"
      ])
    #expect(plain.scan.notes(on: plain.file).isEmpty)
    let read = { (corpus: TestCorpus) -> [String] in
      if workflow == .chunks {
        let source = try corpus.chunks(3)
        return try (0..<source.count).map { try corpus.text(source, $0) }
      }
      let source = try corpus.documents(9)
      return try (0..<source.count).map { try corpus.text(source, $0) }
    }
    #expect(try read(marked) == read(plain))
    // Anywhere else it is a character.
    #expect(try TestCorpus(text + "\u{FEFF}", .chunks).scan.scalars.contains("\u{FEFF}"))
  }

  @Test func carriageReturnsOfATextAreCounted() throws {
    func notes(_ text: String) throws -> [String] {
      let folder = try TemporaryFolder()
      let file = try CorpusFile(
        name: "a b.txt", opening: [folder.file(text.utf8)],
        parts: [CorpusFile.Part(path: "a b.txt", range: 0..<text.utf8.count)])
      return try CorpusScan(of: file, workflow: .chunks).notes(on: file)
    }
    #expect(try notes("a\nb\n").isEmpty)
    let windows = try notes("a\r\nb\r\n")
    #expect(windows.count == 1 && windows[0].contains("has 2 carriage returns"))
    #expect(windows[0].hasSuffix("tr -d '\\r' < 'a b.txt' > 'a b.unix.txt'"))
    #expect(try notes("a\rb\r").first?.hasSuffix("tr '\\r' '\\n' < 'a b.txt' > 'a b.unix.txt'") == true)
  }

  @Test(arguments: ["\r\n", "\r", "\n\r\n"])
  func documentsEndAsOnAnySystem(_ end: String) throws {
    let corpus = try TestCorpus(["anna lee", "bob", "éva"].joined(separator: end), .documents)
    let source = try corpus.documents(16)
    #expect(try (0..<source.count).map { try corpus.text(source, $0) } == ["^anna lee^", "^bob^", "^éva^"])
    #expect(corpus.scan.scalars == Set("anna lee bob éva".unicodeScalars).sorted())
    #expect(corpus.scan.notes(on: corpus.file).isEmpty)
  }
}
