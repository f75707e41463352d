// Compressed files as the tools of the system write them: whole, cut, flipped, several in one; decompressed once.

import Foundation
import Platform
import Reproducibility
import TestSupport
import Testing

@testable import CorpusFiles

@Suite struct CompressedTexts {
  private static let text = Array(String(repeating: "Compress me, größer 🎭.\n", count: 30_000).utf8)
  private static let tools = [("gzip", Compression.gzip), ("zstd", .zstd)].filter {
    Machine.find($0.0) != nil
  }

  private static func compressed(_ bytes: [UInt8], _ tool: String, in folder: TemporaryFolder) throws
    -> [UInt8]
  {
    try folder.write(bytes, to: "plain")
    let child = try ChildProcess(["sh", "-c", "\(tool) -qc plain > packed"], folder: folder.path)
    #expect(child.wait() == .status(0))
    return Array(try folder.data("packed"))
  }

  private static func text(of bytes: [UInt8], _ compression: Compression, by step: Int) throws -> [UInt8] {
    let decompressor = try Decompressor(compression)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: step) {
      try bytes[start..<min(start + step, bytes.count)].withUnsafeBytes { piece in
        try decompressor.consume(piece) { text += $0 }
      }
    }
    try decompressor.finish()
    return text
  }

  @Test(arguments: tools.indices) func wholeCutAndFlipped(_ index: Int) throws {
    let (tool, compression) = Self.tools[index]
    let folder = try TemporaryFolder()
    let packed = try Self.compressed(Self.text, tool, in: folder)
    #expect(Compression(head: packed) == compression)
    for step in [1, 7, 4_096, packed.count] {
      #expect(try Self.text(of: packed, compression, by: step) == Self.text)
    }
    // `cat a.gz b.gz` is a file like any other.
    let second = try Self.compressed([0x41], tool, in: folder)
    #expect(try Self.text(of: packed + second, compression, by: 1_000) == Self.text + [0x41])
    for length in [5, packed.count / 2, packed.count - 1] {
      #expect(throws: RuntimeFailure.self) {
        try Self.text(of: Array(packed[..<length]), compression, by: 512)
      }
    }
    #expect(throws: RuntimeFailure.self) {
      var damaged = packed
      damaged[packed.count / 2] ^= 0x55
      _ = try Self.text(of: damaged, compression, by: 512)
    }
    #expect(throws: RuntimeFailure.self) { try Self.text(of: packed + [1, 2, 3], compression, by: 512) }
  }

  @Test func textsAreNeverTakenForCompressed() {
    #expect(Compression(head: Array("plain".utf8)) == nil)
    #expect(Compression(head: []) == nil)
    for head in [[0x1F, 0x8B], [0x28, 0xB5, 0x2F, 0xFD]] as [[UInt8]] {
      #expect(String(validating: head, as: UTF8.self) == nil)
    }
  }

  @Test(arguments: tools.indices) func decompressedOnce(_ index: Int) throws {
    let (tool, _) = Self.tools[index]
    let (folder, cacheFolder) = (try TemporaryFolder(), try TemporaryFolder())
    let source = try folder.file(Self.compressed(Self.text, tool, in: folder), named: "text.packed")
    let plain = try folder.file(Array("tail".utf8), named: "tail.txt")
    let cache = CacheFolder(path: cacheFolder.path + "/cache")
    // What was written just now is not remembered.
    sleep(4)
    func places() throws -> CorpusPlaces {
      try CorpusPlaces(of: [source, plain], name: "both", caches: [cache], progress: WorkProgress())
    }
    let first = try places()
    #expect(first.parts.map(\.range) == [0..<Self.text.count, Self.text.count..<Self.text.count + 4])
    #expect(first.inputs == [source, plain, first.paths[0]])
    #expect(
      try first.open().sha256() == (Self.text + Array("tail".utf8)).withUnsafeBytes { SHA256.hash($0) })
    var writer = ByteWriter()
    first.append(to: &writer)
    var reader = ByteReader(writer.bytes, garbled: RuntimeFailure("garbled"))
    #expect(try CorpusPlaces(&reader) == first)
    // The same file again, not another one of the same text.
    let identity = FileIdentity(first.paths[0])
    #expect(try places() == first)
    #expect(FileIdentity(first.paths[0]) == identity)
    // Whatever becomes of it, the text is right.
    for damage in [Array("other".utf8), Self.text.map { $0 == 0x6D ? 0x6E : $0 }] {
      try Data(damage).write(to: URL(fileURLWithPath: first.paths[0]))
      #expect(try Array(Data(contentsOf: URL(fileURLWithPath: places().paths[0]))) == Self.text)
    }
    #expect(!cacheFolder.contents.keys.contains { $0.hasSuffix(TextStore.Incoming.suffix) })
  }

  @Test(arguments: tools.indices) func damageIsSaidInOneLine(_ index: Int) throws {
    let (tool, _) = Self.tools[index]
    let (folder, cacheFolder) = (try TemporaryFolder(), try TemporaryFolder())
    let packed = try Self.compressed(Self.text, tool, in: folder)
    let source = try folder.file(packed.dropLast(9), named: "cut.packed")
    let error = #expect(throws: InvalidInput.self) {
      try CorpusPlaces(
        of: [source], name: "x", caches: [CacheFolder(path: cacheFolder.path)], progress: WorkProgress())
    }
    #expect(
      try #require(error).message.hasPrefix(
        "the corpus \(source) cannot be decompressed: it is cut off (after "))
    #expect(!cacheFolder.contents.keys.contains { $0.hasSuffix(TextStore.Incoming.suffix) })
    let closed = #expect(throws: InvalidInput.self) {
      try CorpusPlaces(
        of: [source], name: "x", caches: [CacheFolder(path: "/proc/none")], progress: WorkProgress())
    }
    #expect(try #require(closed).message.contains("/proc/none; set XDG_CACHE_HOME"))
  }
}
