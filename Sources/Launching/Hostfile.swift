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
  /// Whether mpirun reads the text as it stands: it knows neither carriage returns nor a byte order mark.
  let isPlain: Bool

  /// - Throws: `InvalidInput` if the file cannot be read or names no host.
  public init(path: String) throws {
    do {
      self.init(text: String(decoding: try contentOfRegularFile(path), as: UTF8.self))
    } catch {
      throw InvalidInput(
        "hostfile \(path) cannot be read: \(error); give a text file with one host per line, such as "
          + "`node01 slots=4`")
    }
    guard !hosts.isEmpty else {
      throw InvalidInput("hostfile \(path) names no host; write one per line, such as `node01 slots=4`")
    }
  }

  public init(text: String) {
    let scalars = text.unicodeScalars
    isPlain = !scalars.contains("\r") && scalars.first != "\u{FEFF}"
    let content = scalars.first == "\u{FEFF}" ? scalars.dropFirst() : scalars[...]
    hosts = Substring(content).split(whereSeparator: \.isNewline).compactMap { line in
      let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
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

  /// Writes the hosts to a new file in the folder for temporary files.
  /// - Returns: its path.
  /// - Throws: `RuntimeFailure`.
  func writeTemporary() throws -> String {
    guard let folder = Machine.temporaryFolder() else {
      throw RuntimeFailure("no folder takes a temporary hostfile; set TMPDIR")
    }
    var template = Array("\(folder)/microgpt-hosts.XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw RuntimeFailure("cannot write a hostfile in \(folder): \(systemError())")
    }
    let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    do {
      try FileDescriptor(owning: descriptor).writeAll(Array(text.utf8))
    } catch {
      unlink(path)
      throw RuntimeFailure("cannot write \(path): \(error)")
    }
    return path
  }
}
