// Before the first step, all ranks must agree on program, options and data. Compares; knows no keys.

import Platform

/// What a rank reports at start: executable hash, options, corpus hash, MPI version, kernel family, …
public struct StartupAgreement: Equatable, Sendable {
  public struct Entry: Equatable, Sendable {
    public let key: String
    public let value: String
    public init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  public private(set) var entries: [Entry]

  public init(_ entries: [Entry] = []) { self.entries = entries }

  public mutating func add(_ key: String, _ value: String) { entries.append(Entry(key, value)) }

  /// Compares the entries of all ranks; a collective call.
  ///
  /// - Throws: an `InvalidInput` listing what differs and where, agreed by all (`Communicator.agreed`).
  public func verify(_ communicator: Communicator) throws {
    let all = try communicator.allgather(encoded()).map { try Self(decoding: $0) }
    let hosts = communicator.peers.map(\.host)
    if let differences = Self.differences(all, hosts: hosts) {
      throw communicator.agreed(
        InvalidInput(
          "the ranks do not agree: \(differences); install the same program, data and options on every host"))
    }
  }

  /// What differs from rank 0, as text, or nil: each key once, with the ranks and hosts on either side.
  static func differences(_ all: [StartupAgreement], hosts: [String]) -> String? {
    var lines: [String] = []
    let keys = all.flatMap { $0.entries.map(\.key) }.reduce(into: [String]()) { unique, key in
      if !unique.contains(key) { unique.append(key) }
    }
    for key in keys {
      let values = all.map { $0.entries.first { $0.key == key }?.value ?? "(missing)" }
      guard values.contains(where: { $0 != values[0] }) else { continue }
      var groups: [(value: String, ranks: [Int])] = []
      for (rank, value) in values.enumerated() {
        if let index = groups.firstIndex(where: { $0.value == value }) {
          groups[index].ranks.append(rank)
        } else {
          groups.append((value, [rank]))
        }
      }
      let sides = groups.map { group in
        let where_ = Set(group.ranks.map { hosts[$0] }).sorted().joined(separator: ", ")
        let ranks = group.ranks.map(String.init).joined(separator: ", ")
        return "\(group.value) on rank \(ranks) (\(where_))"
      }
      lines.append("\(key) is " + sides.joined(separator: " but "))
    }
    return lines.isEmpty ? nil : lines.joined(separator: "; ")
  }

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.append(list: entries) {
      $0.append($1.key)
      $0.append($1.value)
    }
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) throws {
    var reader = ByteReader(bytes, garbled: RuntimeFailure("the start-up record of a rank is garbled"))
    entries = try reader.list(elementSize: 16) { Entry(try $0.text(), try $0.text()) }
    try reader.finish()
  }
}
