// Replacing files, byte messages and JSON: each has one home, and this is what it promises.

import Foundation
import TestSupport
import Testing

@testable import Platform

@Suite struct FileReplacementTests {
  private let directory: TemporaryFolder
  private var path: String { "\(directory.path)/file" }

  init() throws { directory = try TemporaryFolder() }

  private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test func theNewOneIsWholeAndKeepsThePermissions() throws {
    _ = try directory.file("old".utf8, named: "file")
    chmod(path, 0o640)
    var phases: [FileReplacement.Phase] = []
    try Array("new".utf8).withUnsafeBytes { bytes in
      try FileReplacement.replace(
        path, with: [bytes, bytes],
        verify: { temporary in
          let texts = [try text(temporary), try text(path)]
          #expect(texts == ["newnew", "old"])
          #expect(FileReplacement.finalName(ofTemporary: fileName(of: temporary)) == "file")
        }, onPhase: { phases.append($0) })
    }
    #expect(try text(path) == "newnew")
    #expect(directory.names == ["file"])
    #expect(phases == [.written, .verified, .renamed])
    let permissions = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(permissions == 0o640)
  }

  @Test func whatFailsLeavesTheOldOne() throws {
    _ = try directory.file("old".utf8, named: "file")
    let refusal = RuntimeFailure("no")
    #expect(throws: refusal) {
      try FileReplacement.replace(path, with: [], verify: { _ in throw refusal })
    }
    #expect(try text(path) == "old")
    #expect(directory.names == ["file"])
  }

  @Test func linksAreFollowedEvenWhereTheyDangle() throws {
    let target = "\(directory.path)/target"
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "target")
    for word in ["first", "second"] {
      try FileReplacement.replace(path, with: Array(word.utf8))
      #expect(try text(target) == word)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == "target")
    }
  }

  @Test func onlyRegularFilesAreReplaced() throws {
    let fifo = "\(directory.path)/fifo"
    try #require(mkfifo(fifo, 0o600) == 0)
    for path in [fifo, directory.path] {
      #expect(throws: RuntimeFailure.self) { try FileReplacement.replace(path, with: [1]) }
    }
    // A private node, so that nothing happens to the machine's own.
    let device = "\(directory.path)/null"
    // Major 1, minor 3: the null device.
    if mknod(device, S_IFCHR | 0o666, 1 << 8 | 3) == 0 {
      #expect(throws: RuntimeFailure.self) { try FileReplacement.replace(device, with: [1]) }
      #expect(throws: RuntimeFailure.self) { try FileReplacement.link(fifo, as: device) }
    }
    #expect(directory.names.allSatisfy { !$0.contains(".tmp.") })
  }

  @Test func aSecondNameIsTheSameFile() throws {
    let other = "\(directory.path)/other"
    _ = try directory.file("one".utf8, named: "file")
    _ = try directory.file("two".utf8, named: "other")
    #expect(try FileReplacement.link(path, as: other))
    #expect(FileIdentity(path) == FileIdentity(other))
    #expect(try FileReplacement.link(path, as: other))
    #expect(directory.names == ["file", "other"])
  }
}

@Suite struct ByteCodecTests {
  @Test func whatIsWrittenIsRead() throws {
    var writer = ByteWriter()
    writer.append(UInt8(7))
    writer.append(-3)
    writer.append("Ä\0\n")
    writer.append(list: [UInt32.max, 0])
    writer.append(list: ["a", ""]) { $0.append($1) }
    var reader = ByteReader(writer.bytes, garbled: RuntimeFailure("garbled"))
    #expect(try reader.number(UInt8.self) == 7)
    #expect(try reader.number(Int.self) == -3)
    #expect(try reader.text() == "Ä\0\n")
    #expect(try reader.list(of: UInt32.self) == [.max, 0])
    #expect(try reader.list(elementSize: 8) { try $0.text() } == ["a", ""])
    try reader.finish()
  }

  /// Cut anywhere, or with a length that the rest cannot hold: an error, never a crash.
  @Test func nothingIsTrusted() throws {
    var writer = ByteWriter()
    writer.append("text")
    writer.append(list: [1, 2, 3])
    func read(_ bytes: [UInt8]) throws {
      var reader = ByteReader(bytes, garbled: RuntimeFailure("garbled"))
      _ = try reader.text()
      _ = try reader.list(of: Int.self)
      try reader.finish()
    }
    try read(writer.bytes)
    for count in 0..<writer.bytes.count {
      #expect(throws: RuntimeFailure.self) { try read(Array(writer.bytes[..<count])) }
    }
    #expect(throws: RuntimeFailure.self) { try read(writer.bytes + [0]) }
    #expect(throws: RuntimeFailure.self) { try read([UInt8](repeating: 0xFF, count: 16)) }
  }
}

@Suite struct JSONTextTests {
  @Test func readsBackAsWritten() throws {
    let value = JSONText.object([
      ("a", .array([.integer(1), .real(0.1), .real(.nan), .boolean(true)])), ("b\n\"\\\u{1}", .string("Ä\t")),
    ])
    #expect(value.compactText == #"{"a":[1,0.1,null,true],"b\n\"\\\u0001":"Ä\u0009"}"#)
    #expect(value.text.hasPrefix(#"{"a": [1, 0.1, null, true], "#))
    #expect(try JSONSerialization.jsonObject(with: Data(value.text.utf8)) is [String: Any])
  }
}
