// Downloads with the `curl` program: FoundationNetworking would load 31 more libraries into every rank for
// the sake of a single download.

import CorpusFiles
import Glibc
import Platform

enum Curl {
  /// The body at an address, kept in memory so that nothing unverified reaches the disk.
  /// - Parameters:
  ///   - limit: the transfer is cut off after this many bytes.
  ///   - program: found through PATH.
  ///   - progress: counts the bytes.
  /// - Throws: `DownloadFailure`, at the latest two seconds after `limits.totalSeconds`.
  static func get(
    _ address: String, limit: Int, limits: CorpusLocator.DownloadLimits, program: String = "curl",
    progress: WorkProgress = WorkProgress()
  ) throws -> [UInt8] {
    let arguments = [
      program, "--disable", "--fail", "--location", "--max-redirs", "5", "--globoff",
      "--silent", "--show-error", "--proto", "=http,https,file", "--proto-redir", "=http,https",
      "--connect-timeout", "\(limits.connectSeconds)", "--max-time", "\(limits.totalSeconds)",
      "--speed-limit", "1000", "--speed-time", "\(limits.stallSeconds)", "--output", "-", "--url", address,
    ]
    guard let child = try? ChildProcess(arguments, output: .pipe, errors: .pipe) else {
      throw DownloadFailure(reason: "\(program) is not installed (apt-get install curl)")
    }
    let deadline = monotonicSeconds() + Double(limits.totalSeconds + 1)
    var bytes: [UInt8] = []
    do {
      while bytes.count < limit {
        let more = try child.readSome(upTo: limit - bytes.count, until: deadline)
        if more.isEmpty { break }
        bytes += more
        progress.advance(by: more.count)
      }
    } catch {
      child.send(SIGKILL)
      _ = child.wait()
      throw DownloadFailure(reason: "\(address) took longer than \(limits.totalSeconds) s")
    }
    guard bytes.count < limit else {
      child.send(SIGKILL)
      _ = child.wait()
      return bytes
    }
    // curl writes one short line, which is in the pipe even if something still holds the other end.
    let complaint = try? child.readSome(fromErrors: true, upTo: 500, until: monotonicSeconds() + 1)
    guard child.wait(seconds: 1) == .status(0) else {
      let line = String(decoding: complaint ?? [], as: UTF8.self).split(whereSeparator: \.isNewline).first
      throw DownloadFailure(reason: "cannot download \(address) (\(line ?? "curl gave no reason"))")
    }
    return bytes
  }
}
