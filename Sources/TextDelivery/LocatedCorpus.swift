// What rank 0 has found: names and files, as every rank knows them.

import CorpusFiles
import DataParallel
import Platform

public struct LocatedCorpus: Equatable, Sendable {
  /// Of all files, for messages.
  public let name: String
  public let dataset: String
  /// For the checkpoint: where it is, from the root of rank 0's file system.
  public let storedPath: String
  /// For the log.
  public let notes: [String]
  /// In order, as the user calls them; they may be compressed.
  public let files: [String]

  public init(name: String, dataset: String, storedPath: String, notes: [String], files: [String]) {
    self.name = name
    self.dataset = dataset
    self.storedPath = storedPath
    self.notes = notes
    self.files = files
  }

  /// On all ranks what `find` gives on rank 0.
  /// - Throws: as `Communicator.eachWork` does.
  public init(_ communicator: Communicator, _ wait: EachWait, find: @escaping () throws -> LocatedCorpus)
    throws
  {
    let found = try communicator.eachWork(wait, communicator.isRoot ? find : nil)
    let described = try communicator.fromRoot { found?.bytes ?? [] }
    var reader = ByteReader(
      described, garbled: RuntimeFailure("rank 0 described the corpus in a way not understood"))
    name = try reader.text()
    dataset = try reader.text()
    storedPath = try reader.text()
    notes = try reader.list(elementSize: 8) { try $0.text() }
    files = try reader.list(elementSize: 8) { try $0.text() }
  }

  private var bytes: [UInt8] {
    var writer = ByteWriter()
    for text in [name, dataset, storedPath] { writer.append(text) }
    writer.append(list: notes) { $0.append($1) }
    writer.append(list: files) { $0.append($1) }
    return writer.bytes
  }
}
