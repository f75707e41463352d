// The names under which a run keeps its checkpoints. `model.jld2` is always the newest; beside it stand the newest k,
// `model.step-000200.jld2`, …, and `model.best.jld2`. What a later run has set aside is `model.old-1.jld2`,
// `model.old-1.best.jld2`, ….

import Platform

package enum CheckpointFamily {
  /// `model.jld2`, `best` → `model.best.jld2`.
  package static func sibling(of path: String, _ word: String) -> String {
    let name = fileName(of: path)
    let (stem, suffix) = stemAndSuffix(of: name)
    return path.dropLast(name.count) + "\(stem).\(word)\(suffix)"
  }

  package static func bestPath(of path: String) -> String { sibling(of: path, "best") }

  package static func stepPath(of path: String, step: Int) -> String {
    let digits = String(step)
    return sibling(of: path, "step-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits)
  }

  /// Existing step files, that of the highest step first.
  package static func stepFiles(of path: String) throws -> [String] {
    let folder = folder(of: path)
    let found = try fileNames(in: folder).compactMap { name in
      step(ofFile: name, of: path).map { (path: "\(folder)/\(name)", step: $0) }
    }
    return found.sorted { ($0.step, $0.path) > ($1.step, $1.path) }.map(\.path)
  }

  /// Of `model.step-000200.jld2`; nil for other names.
  private static func step(ofFile name: String, of path: String) -> Int? {
    let (stem, suffix) = stemAndSuffix(of: fileName(of: path))
    let prefix = "\(stem).step-"
    guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
    let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
    return isNumber(digits) ? Int(digits) : nil
  }

  /// The checkpoint whose rotation has a file of this name, however often: `model.jld2` for `model.best.jld2` and for
  /// `model.step-000200.jld2`. Jobs with one family would replace each other's files.
  package static func familyPath(of path: String) -> String {
    let name = fileName(of: path)
    var (stem, suffix) = stemAndSuffix(of: name)
    if isWordOfSibling(suffix.dropFirst()) { (stem, suffix) = (name, "") }
    while let dot = stem.lastIndex(of: "."), dot != stem.startIndex,
      isWordOfSibling(stem[stem.index(after: dot)...])
    {
      stem = String(stem[..<dot])
    }
    return path.dropLast(name.count) + stem + suffix
  }

  /// The run's own name, for one that was set aside: `model.jld2` for `model.old-1.jld2`; nil for others.
  ///
  /// - Parameter path: of a family, as `familyPath` gives it.
  package static func nameBeforeSetAside(_ path: String) -> String? {
    let name = fileName(of: path)
    let (stem, suffix) = stemAndSuffix(of: name)
    guard let dot = stem.lastIndex(of: "."), dot != stem.startIndex else { return nil }
    let word = stem[stem.index(after: dot)...]
    guard word.hasPrefix("old-"), isNumber(word.dropFirst("old-".count)) else { return nil }
    return path.dropLast(name.count) + stem[..<dot] + suffix
  }

  /// Files of a folder that have a checkpoint's name, in no particular order.
  package static func files(in folder: String) -> [String] {
    ((try? fileNames(in: folder)) ?? [])
      .filter { $0.hasSuffix(".jld2") && !$0.hasPrefix(".") && FileIdentity("\(folder)/\($0)") != nil }
      .map { folder == "." ? $0 : folder.hasSuffix("/") ? "\(folder)\($0)" : "\(folder)/\($0)" }
  }

  private static func isWordOfSibling(_ word: Substring) -> Bool {
    word == "best" || word.hasPrefix("step-") && isNumber(word.dropFirst("step-".count))
  }

  private static func isNumber(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
  }
}
