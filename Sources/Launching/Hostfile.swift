// OpenMPI hostfiles: one host per line, with its slots. Only what the launcher needs to count and drop hosts.

import Platform
import Glibc

public struct Hostfile: Equatable, Sendable {
  public struct Host: Equatable, Sendable {
    public let name: String
    /// Nil if the file does not say; OpenMPI then counts the host's cores.
    public let slots: Int?
    /// The line in the file, without its comment.
    public let line: String
  }

  public private(set) var hosts: [Host]

  /// - Throws: `InvalidInput` if the file cannot be read or names no host.
  public init(path: String) throws {
    guard let text = smallFile(path) else {
      throw InvalidInput("hostfile \(path): cannot be read: \(systemError())")
    }
    self.init(text: text)
    guard !hosts.isEmpty else {
      throw InvalidInput("hostfile \(path) names no host; write one per line, such as `node01 slots=4`")
    }
  }

  public init(text: String) {
    hosts = text.split(separator: "\n").compactMap { line in
      let content = line.prefix { $0 != "#" }
      let words = content.split { $0 == " " || $0 == "\t" || $0 == "\r" }
      guard let name = words.first else { return nil }
      let slots = words.dropFirst().first { $0.hasPrefix("slots=") }.flatMap { Int($0.dropFirst(6)) }
      return Host(name: String(name), slots: slots, line: words.joined(separator: " "))
    }
  }

  /// Nil if any host does not say.
  public var slotCount: Int? {
    hosts.reduce(into: Int?(0)) { total, host in
      if let sum = total, let slots = host.slots { total = sum + slots } else { total = nil }
    }
  }

  public func keeping(_ isKept: (Host) -> Bool) -> Hostfile {
    var copy = self
    copy.hosts = hosts.filter(isKept)
    return copy
  }

  public var text: String { hosts.map { $0.line + "\n" }.joined() }
}
