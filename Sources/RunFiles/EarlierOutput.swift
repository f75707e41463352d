// A file that an earlier run has left under the name of one of this run's: whether it can be written, and how it is set
// aside. What is common to metrics and page.

import Glibc
import Platform

enum EarlierOutput {
  /// Why `path` cannot be written, without touching it; nil if it can. Missing folders are made later.
  static func obstacle(to path: String) -> String? {
    let existing = existingPart(of: path)
    guard access(existing, W_OK) == 0 else { return systemError() }
    var status = stat()
    guard existing == path || stat(existing, &status) == 0 && FileKind(status) == .folder else {
      return systemError(ENOTDIR)
    }
    return nil
  }

  /// Renames what is there: `run.jsonl` becomes `run.old-1.jsonl`, with the first number that is free.
  ///
  /// - Returns: the new path; nil where there is no regular file with content.
  /// - Throws: `RuntimeFailure` when it cannot be renamed.
  static func setAside(_ path: String) throws -> String? {
    guard let new = try placeAside(path) else { return nil }
    try FileReplacement.move(path, to: new)
    return new
  }

  /// The name that `setAside` would give it; touches nothing.
  static func placeAside(_ path: String) throws -> String? {
    guard FilePlace("", path).kind == .regular else { return nil }
    guard try !firstBytes(of: path, count: 1).isEmpty else { return nil }
    let (stem, suffix) = stemAndSuffix(of: fileName(of: path))
    let candidates = (1...).lazy.map {
      "\(path.dropLast(fileName(of: path).count))\(stem).old-\($0)\(suffix)"
    }
    return candidates.first { FileIdentity($0) == nil }
  }
}
