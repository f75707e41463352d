// What a doctor has found: one thing, whether it is well, and what to do about it if it is not.

import Platform
import TerminalDisplay

public struct Finding: Sendable {
  public enum Verdict: String, Sendable {
    case good = "ok"
    /// Works, but not as well as it could.
    case note
    /// Would keep a training from working.
    case bad = "BAD"
  }

  public let verdict: Verdict
  public let subject: String
  /// What is found; of anything but a good one also what to do.
  public let text: String
  /// The host that it is about, where there are several.
  public var host: String?

  public init(_ verdict: Verdict, _ subject: String, _ text: String) {
    self.verdict = verdict
    self.subject = subject
    self.text = text
  }

  private static let indent = 18

  /// `ok    cores       2 cores, 2 hardware threads`, and what does not fit into `width` columns below it.
  public func lines(width: Int) -> [String] {
    let head = verdict.rawValue.padded(to: 6) + subject.padded(to: Self.indent - 6)
    return wrapped(head + (host.map { "\($0): " } ?? "") + text, indent: Self.indent, columns: width)
  }

  // MARK: As bytes, for other ranks

  public static func bytes(_ findings: [Finding]) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(list: findings) { writer, finding in
      for text in [finding.verdict.rawValue, finding.subject, finding.text, finding.host ?? ""] {
        writer.append(text)
      }
    }
    return writer.bytes
  }

  public static func findings(_ bytes: [UInt8]) throws -> [Finding] {
    let garbled = RuntimeFailure("the findings of a rank arrived damaged")
    var reader = ByteReader(bytes, garbled: garbled)
    return try reader.list(elementSize: 32) { reader in
      guard let verdict = Verdict(rawValue: try reader.text()) else { throw garbled }
      var finding = Finding(verdict, try reader.text(), try reader.text())
      let host = try reader.text()
      finding.host = host.isEmpty ? nil : host
      return finding
    }
  }
}
