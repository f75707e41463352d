// Metrics files in, a page or a picture out: `gpt-ddp --compare`, which trains nothing.

import Glibc
import Platform
import RunCurves

package enum RunComparison {
  /// Reads metrics files and writes a page, a picture, or both.
  ///
  /// - Parameters:
  ///   - say: takes what the user should know, line by line.
  ///   - replaces: whether a file that is not ours may be replaced.
  /// - Throws: `InvalidInput` before anything is written, `RuntimeFailure` if a file cannot be.
  package static func write(_ files: [String], page: String?, picture: String?, say: (String) -> Void) throws
  {
    let outputs = [page, picture].compactMap { $0 }
    guard !outputs.isEmpty else {
      throw InvalidInput("--compare reads metrics and writes what it finds: name a file with --page or --svg")
    }
    if let page, let picture,
      page == picture || FileIdentity(page).map({ $0 == FileIdentity(picture) }) == true
    {
      throw InvalidInput("--page \(page) is also --svg; give two files")
    }
    for file in files {
      for output in outputs
      where output == file || FileIdentity(file).map({ $0 == FileIdentity(output) }) == true {
        throw InvalidInput("\(output) is one of the metrics files to compare; give another file to write to")
      }
    }
    if let page { try refuseForeign(page, "--page", isOurs: PageMark.isPage) }
    if let picture { try refuseForeign(picture, "--svg", isOurs: PageMark.isPicture) }
    let runs = try read(files, say)
    if let page {
      try replace(page, with: ComparePage(runs, written: PageMark.now).text)
      say("wrote \(page)")
    }
    if let picture {
      try replace(picture, with: LossPicture(runs).text)
      say("wrote \(picture)")
    }
  }

  private static func read(_ files: [String], _ say: (String) -> Void) throws -> [MetricsReader.Run] {
    // Names that two files share are told apart by their folders.
    let stems = files.map { stemAndSuffix(of: fileName(of: $0)).stem }
    var runs: [MetricsReader.Run] = []
    for (index, file) in files.enumerated() {
      var lastLine = monotonicSeconds()
      let content = try MetricsReader.read(file, capacity: ComparePage.capacity(of: files.count)) { part in
        guard monotonicSeconds() - lastLine > 1.5, part < 1 else { return }
        lastLine = monotonicSeconds()
        say("reading \(file), \(Int(100 * part)) %")
      }
      content.notes.forEach(say)
      let isShared = stems.filter { $0 == stems[index] }.count > 1
      runs += content.runs.map { run in
        var run = run
        if isShared { run.name = file + run.name.dropFirst(stems[index].count) }
        return run
      }
    }
    guard runs.count <= ComparePage.mostRuns else {
      throw InvalidInput(
        "these files hold \(runs.count) runs; a page compares \(ComparePage.mostRuns) at most")
    }
    return runs
  }

  private static func refuseForeign(_ path: String, _ option: String, isOurs: (String) throws -> Bool) throws
  {
    do {
      guard try isOurs(path) else {
        throw InvalidInput("\(path) is not of ours and would be replaced; choose another \(option)")
      }
      let parent = existingPart(of: folder(of: path))
      var status = stat()
      guard stat(parent, &status) == 0, access(parent, W_OK) == 0 else { throw RuntimeFailure(systemError()) }
      guard FileKind(status) == .folder else { throw RuntimeFailure(systemError(ENOTDIR)) }
    } catch let failure as RuntimeFailure {
      throw InvalidInput("cannot write \(path): \(failure); choose another \(option)")
    }
  }

  private static func replace(_ path: String, with text: String) throws {
    do {
      try createFolder(of: path)
      try FileReplacement.replace(path, with: Array(text.utf8))
    } catch {
      throw RuntimeFailure("cannot write \(path): \(error)")
    }
  }
}
