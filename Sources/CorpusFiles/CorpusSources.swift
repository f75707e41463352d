// What --data names: files, folders and patterns, in the order given, as one list of files.

import Foundation
import Glibc
import Platform

public enum CorpusSources {
  /// Files of a folder that are texts.
  public static let suffixes = [".txt", ".md", ".text", ".gz", ".zst"]

  /// - A file is itself, whatever it is called.
  /// - A folder is its files that end in one of `suffixes` and do not begin with a dot, without those of its folders.
  /// - Anything else is a pattern of glob(3): the regular files that match.
  ///
  /// Each folder and each pattern is sorted by the bytes of the names.
  ///
  /// - Throws: `InvalidInput` for one that yields nothing.
  public static func expand(_ sources: [String]) throws -> [String] { try sources.flatMap(expand) }

  private static func expand(_ source: String) throws -> [String] {
    var status = stat()
    if stat(source, &status) == 0 {
      return FileKind(status) == .folder ? try texts(inFolder: source) : [source]
    }
    guard source.contains(where: { "*?[".contains($0) }) else {
      throw InvalidInput("cannot open the corpus \(source): \(systemError())")
    }
    let found = sorted(matches(source).filter(isRegular))
    guard !found.isEmpty else { throw InvalidInput("the pattern \(source) matches no file; give a file") }
    return found
  }

  private static func texts(inFolder folder: String) throws -> [String] {
    let names: [String]
    do {
      names = try fileNames(in: folder)
    } catch {
      throw InvalidInput("cannot look into the corpus \(error)")
    }
    let prefix = folder.hasSuffix("/") ? folder : folder + "/"
    let found = names.filter { name in !name.hasPrefix(".") && suffixes.contains { name.hasSuffix($0) } }
      .map { prefix + $0 }.filter(isRegular)
    guard !found.isEmpty else {
      throw InvalidInput(
        "the corpus \(folder) is a folder without texts, files that end in "
          + suffixes.joined(separator: ", ") + "; give a UTF-8 text file, or a pattern in quotes")
    }
    return sorted(found)
  }

  /// The same order in every locale.
  private static func sorted(_ paths: [String]) -> [String] {
    paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func isRegular(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && FileKind(status) == .regular
  }

  private static func matches(_ pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, GLOB_NOSORT, nil, &found) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
  }

  // MARK: Names

  /// One name for all: `a.txt`, `a.txt, b.txt`, `books (120 files)`.
  public static func name(of sources: [String], fileCount: Int) -> String {
    if fileCount == 1, sources.count == 1 { return sources[0] }
    let shown = sources.prefix(3).joined(separator: ", ") + (sources.count > 3 ? ", …" : "")
    return fileCount == sources.count && sources.count <= 3 ? shown : "\(shown) (\(fileCount) files)"
  }

  /// Sources as one text for the checkpoint: a file's path as it is, anything else as a JSON array of strings. All
  /// paths begin at the root, so the two cannot be mistaken for each other.
  ///
  /// - Parameters:
  ///   - sources: as given.
  ///   - files: what they stood for; kept rather than the sources, which may stand for more later.
  public static func encode(_ sources: [String], files: [String]) -> String {
    if files.count == 1 { return absolutePath(of: files[0]) }
    let list = JSONText.array(files.map { .string(absolutePath(of: $0)) }).compactText
    if list.utf8.count <= longestText { return list }
    let short = JSONText.array(sources.map { .string(absolutePattern($0)) }).compactText
    return short.utf8.count <= longestText ? short : ""
  }

  /// What a checkpoint may hold of them.
  static let longestText = 1 << 16

  /// The reverse of `encode`.
  public static func decode(_ text: String) -> [String] {
    guard text.hasPrefix("[") else { return text.isEmpty ? [] : [text] }
    return (try? JSONDecoder().decode([String].self, from: Data(text.utf8))) ?? [text]
  }

  /// A pattern leads nowhere by itself; its folder may.
  private static func absolutePattern(_ source: String) -> String {
    if FileIdentity(source) != nil || source.hasPrefix("/") { return absolutePath(of: source) }
    return absolutePath(of: ".") + "/" + source
  }
}
