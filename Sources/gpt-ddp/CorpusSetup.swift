// One corpus for all ranks: rank 0 finds and scans it, every rank opens it, every host is checked.

import CommandLineOptions
import DataParallel
import Diagnostics
import Foundation
import Reproducibility
import Training

/// The corpus as every rank knows it.
struct CorpusSetup {
  let path: String
  let dataset: String
  /// For the log, if something was done that the user may want to know.
  let note: String?
  let scan: CorpusScan
  let file: CorpusFile

  /// - Throws: `InvalidInput` or `RuntimeFailure` on one rank, `PeerFailure` on the others.
  init(_ plan: RunPlan, workflow: Workflow, communicator: Communicator) throws {
    let described = try communicator.fromRoot {
      let location = try Self.locate(plan)
      return Self.encode([location.path, location.dataset, location.note ?? ""])
    }
    let texts = try Self.decode(described)
    (path, dataset, note) = (texts[0], texts[1], texts[2].isEmpty ? nil : texts[2])
    let path = path
    file = try communicator.together { try CorpusFile(path: path) }
    let file = file
    let serialized = try communicator.fromRoot { try CorpusScan(of: file, workflow: workflow).serialized() }
    scan = try CorpusScan(serialized: serialized)
    let scan = scan
    // Hosts may have file systems of their own: one rank of each reads its copy.
    try communicator.together {
      guard communicator.localRank == 0, !communicator.isRoot else { return }
      let own = try CorpusScan(of: file, workflow: workflow)
      guard own.sha256 == scan.sha256 else {
        throw InvalidInput(
          "\(path) on \(communicator.peers[communicator.rank].host) is not the file that rank 0 has "
            + "(sha256 \(own.sha256.prefix(8))… instead of \(scan.sha256.prefix(8))…); copy it there")
      }
    }
  }

  private static func locate(_ plan: RunPlan) throws -> CorpusLocation {
    if let path = plan.options.givenString("data") {
      return CorpusLocation(
        path: path, dataset: path.split(separator: "/").last.map(String.init) ?? path, note: nil)
    }
    return try CorpusLocator(
      dataDirectory: plan.options.string("data-dir"), url: plan.options.givenString("data-url"),
      mayDownload: !plan.options.flag("no-download")
    ).locate(plan.preset.corpus)
  }

  private static func encode(_ texts: [String]) -> [UInt8] { Array(texts.joined(separator: "\0").utf8) }

  private static func decode(_ bytes: [UInt8]) throws -> [String] {
    let texts = bytes.split(separator: 0, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
    guard texts.count == 3 else {
      throw RuntimeFailure("rank 0 described the corpus in a way not understood")
    }
    return texts
  }
}
