// What a user may want to know about a text that is trained on all the same.

import CorpusFiles
import GPTModel
import Platform

extension CorpusScan {
  static let byteOrderMark: Unicode.Scalar = "\u{FEFF}"

  /// Whether the file begins with a byte order mark, which is no part of the text.
  public var hasByteOrderMark: Bool { textStart > 0 }

  /// Lines for the log.
  public func notes(on file: CorpusFile) -> [String] {
    var notes: [String] = []
    if hasByteOrderMark {
      notes.append("\(file.parts[0].path) begins with a byte order mark, which is left out")
    }
    if carriageReturnCount > 0 {
      let count = Readable.grouped(carriageReturnCount)
      let isOldMac = !scalars.contains("\n")
      let set = isOldMac ? "'\\r' '\\n'" : "-d '\\r'"
      let command =
        file.parts.count == 1 ? Conversion.tr(set, file.parts[0]) : "tr \(set) < FILE > NEW, for each file"
      notes.append(
        "\(file.path) has \(count) carriage returns, which are characters to learn like any other; line ends of Unix: "
          + command)
    }
    return notes
  }
}
