// What a user may want to know about a text that is trained on all the same.

import GPTModel
import Platform

extension CorpusScan {
  static let byteOrderMark: Unicode.Scalar = "\u{FEFF}"

  /// Whether the file begins with a byte order mark, which is no part of the text.
  public var hasByteOrderMark: Bool { textStart > 0 }

  /// Lines for the log.
  public func notes(path: String) -> [String] {
    var notes: [String] = []
    if hasByteOrderMark { notes.append("\(path) begins with a byte order mark, which is left out") }
    if carriageReturnCount > 0 {
      let count = Readable.grouped(carriageReturnCount)
      let isOldMac = !scalars.contains("\n")
      let command = Conversion.tr(isOldMac ? "'\\r' '\\n'" : "-d '\\r'", path)
      notes.append(
        "\(path) has \(count) carriage returns, which are characters to learn like any other; line ends of Unix: "
          + command)
    }
    return notes
  }
}
