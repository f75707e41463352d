// From the files of a corpus to the texts that are read on this host: compressed ones are decompressed once.

import Platform
import Reproducibility

/// A compressed file whose text is not here, where nothing may be written.
public struct NotDecompressed: Error {
  public let path: String
}

/// Where a corpus stands on one host.
public struct CorpusPlaces: Equatable, Sendable {
  /// For messages.
  public let name: String
  public let parts: [CorpusFile.Part]
  /// The files that are read: one for each part, or all parts in one.
  public let paths: [String]

  public init(name: String, parts: [CorpusFile.Part], paths: [String]) {
    self.name = name
    self.parts = parts
    self.paths = paths
  }

  /// - Parameters:
  ///   - files: in order, as the user calls them.
  ///   - caches: for decompressed texts; the first that can be written to is taken.
  /// - Throws: `InvalidInput` if one of the files cannot be read, or not be decompressed.
  public init(
    of files: [String], name: String, caches: [CacheFolder], progress: WorkProgress
  ) throws {
    var parts: [CorpusFile.Part] = []
    var paths: [String] = []
    var end = 0
    for file in files {
      let text = try OpenText(file, named: file)
      var head: [UInt8] = [0, 0, 0, 0]
      let count = try head.withUnsafeMutableBytes { try text.file.readFully($0, at: 0) }
      var size = text.stamp.byteCount
      let compression = Compression(head: head.prefix(count))
      if let compression {
        let path = try Self.unpack(text, file, compression, caches, progress)
        size = try OpenText(path, named: path).stamp.byteCount
        paths.append(path)
      } else {
        paths.append(file)
      }
      parts.append(CorpusFile.Part(path: file, compression: compression, range: end..<end + size))
      end += size
    }
    self.init(name: name, parts: parts, paths: paths)
  }

  private static func unpack(
    _ text: borrowing OpenText, _ path: String, _ compression: Compression, _ caches: [CacheFolder],
    _ progress: WorkProgress
  ) throws -> String {
    for cache in caches {
      let found = try TextStore(cache).unpack(
        text.file, path: path, compression: compression, progress: progress)
      if let found { return found }
    }
    if caches.allSatisfy(\.isReadOnly) { throw NotDecompressed(path: path) }
    throw InvalidInput(
      "cannot decompress the corpus \(path): no text can be written to "
        + caches.map(\.path).joined(separator: " or ")
        + "; set XDG_CACHE_HOME to a folder that can be written, or decompress it yourself")
  }

  public func open() throws -> CorpusFile { try CorpusFile(name: name, opening: paths, parts: parts) }

  /// The same corpus as one text that is elsewhere.
  public func standing(at path: String) -> CorpusPlaces {
    CorpusPlaces(name: name, parts: parts, paths: [path])
  }

  /// Everything that a run reads of it: what it was given, and what it reads instead.
  public var inputs: [String] {
    parts.map(\.path) + paths.filter { path in !parts.contains { $0.path == path } }
  }

  // MARK: As bytes, for other ranks

  public func append(to writer: inout ByteWriter) {
    writer.append(name)
    writer.append(list: parts) {
      $0.append($1.path)
      $0.append($1.compression?.rawValue ?? "")
      $0.append($1.range.count)
    }
    writer.append(list: paths) { $0.append($1) }
  }

  public init(_ reader: inout ByteReader) throws {
    name = try reader.text()
    var end = 0
    parts = try reader.list(elementSize: 24) { reader in
      let path = try reader.text()
      let compression = Compression(rawValue: try reader.text())
      let count: Int = try reader.number()
      guard count >= 0, count <= Int.max - end else { throw reader.garbled }
      defer { end += count }
      return CorpusFile.Part(path: path, compression: compression, range: end..<end + count)
    }
    paths = try reader.list(elementSize: 8) { try $0.text() }
  }
}
