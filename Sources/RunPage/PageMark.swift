// Whether a file is one of ours, which may be replaced.

import Foundation
import Glibc
import Platform
import RunCurves

package enum PageMark {
  private static let head = 1_024

  /// Seconds since 1970.
  package static var now: Double { Date().timeIntervalSince1970 }

  /// Whether `path` is a page of ours, empty, or nothing yet.
  /// - Throws: `RuntimeFailure` with a reason if it can hold none.
  package static func isPage(_ path: String) throws -> Bool {
    try begins(path) { $0.contains("<meta name=\"generator\" content=\"MicroGPT page ") }
  }

  /// Whether `path` is an SVG, empty, or nothing yet.
  package static func isPicture(_ path: String) throws -> Bool {
    try begins(path) { $0.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\"") }
  }

  private static func begins(_ path: String, _ isOurs: (String) -> Bool) throws -> Bool {
    guard !path.hasSuffix("/") else { throw RuntimeFailure("it is a folder") }
    var status = stat()
    guard stat(path, &status) == 0 else { return true }
    let kind = FileKind(status)
    guard kind == .regular else {
      throw RuntimeFailure("it is \(kind.words), and only a regular file can be replaced")
    }
    let bytes = try firstBytes(of: path, count: head)
    return bytes.isEmpty || isOurs(String(decoding: bytes, as: UTF8.self))
  }

  /// The run of a page, 16 hexadecimal digits; nil if it says none.
  package static func run(of path: String) -> String? {
    (try? contentOfRegularFile(path, limit: PageData.mostBytes)).flatMap(PageData.read)?.run
  }
}

extension RunRecord {
  /// Goes on with what a page of the same run shows up to `step`.
  ///
  /// - Parameters:
  ///   - path: of the page; anything that is none of ours, damaged or of another run is left out.
  ///   - metrics: a file that has the curves in full; nil for those of the page.
  package mutating func goOn(from path: String, metrics: String?, upTo step: Int) {
    let page = (try? contentOfRegularFile(path, limit: PageData.mostBytes)).flatMap(PageData.read)
    if let page, page.run == run {
      (history, samples, events) = (page.history.upTo(step), page.samples.upTo(step), page.events)
    }
    if let metrics, let content = try? MetricsReader.read(metrics), let found = content.runs.last?.history {
      history = found.upTo(step)
    }
  }

  /// What a run that begins anew after an accident keeps of its page.
  package mutating func keepEvents(of path: String) {
    let page = (try? contentOfRegularFile(path, limit: PageData.mostBytes)).flatMap(PageData.read)
    if let page, page.run == run { events = page.events }
  }
}
