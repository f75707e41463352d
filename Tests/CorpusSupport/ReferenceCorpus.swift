// The real corpora, where the machine has them.

import Foundation
import Testing

/// The reference's corpora, which this project does not contain: in `$MICROGPT_DATA`, else in `./data`.
public enum ReferenceCorpus {
  public static func path(_ name: String) -> String? {
    let folder = ProcessInfo.processInfo.environment["MICROGPT_DATA"] ?? "data"
    let path = folder + "/" + name
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }

  public static let condition: Comment =
    "no corpora here: set MICROGPT_DATA to a folder with tinyshakespeare.txt and names.txt"
  public static var isHere: Bool { path("tinyshakespeare.txt") != nil && path("names.txt") != nil }
}
