// One corpus for all ranks: rank 0 finds and scans it, every rank opens it, every host is checked.

import Corpora
import DataParallel
import GPTModel
import Platform
import Reproducibility
import TrainingState

/// The corpus as every rank knows it.
struct CorpusSetup {
  let path: String
  let dataset: String
  /// For the log, if something was done that the user may want to know.
  let note: String?
  let scan: CorpusScan
  let file: CorpusFile

  /// - Parameter trainedOn: the corpus of the training that is resumed.
  /// - Throws: `InvalidInput` or `RuntimeFailure` on one rank, `PeerFailure` on the others.
  init(
    _ plan: RunPlan, workflow: Workflow, resuming trainedOn: CorpusIdentity? = nil, communicator: Communicator
  ) throws {
    let described = try communicator.fromRoot {
      let location = try Self.locate(plan, resuming: trainedOn)
      var writer = ByteWriter()
      for text in [location.path, location.dataset, location.note ?? ""] { writer.append(text) }
      return writer.bytes
    }
    var reader = ByteReader(
      described, garbled: RuntimeFailure("rank 0 described the corpus in a way not understood"))
    path = try reader.text()
    dataset = try reader.text()
    let line = try reader.text()
    note = line.isEmpty ? nil : line
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
          "\(path) is not the file that rank 0 has "
            + "(sha256 \(own.sha256.prefix(8))… instead of \(scan.sha256.prefix(8))…); copy it there")
      }
    }
  }

  private static func locate(
    _ plan: RunPlan, resuming trainedOn: CorpusIdentity?
  ) throws -> CorpusLocation {
    if let path = plan.options[TrainerOptions.data] {
      return CorpusLocation(path: path, dataset: fileName(of: path), note: nil)
    }
    let locator = CorpusLocator(
      dataDirectory: plan.options[TrainerOptions.dataFolder], url: plan.options[TrainerOptions.dataURL],
      mayDownload: !plan.options[TrainerOptions.noDownload])
    guard let trainedOn else { return try locator.locate(plan.preset.corpus) }
    guard let path = locator.find(sha256: trainedOn.sha256, at: trainedOn.path) else {
      let place = trainedOn.path.isEmpty ? "" : "at \(trainedOn.path) or "
      throw InvalidInput(
        "the text that \(plan.checkpointPath) was trained on (\(trainedOn.dataset), sha256 "
          + "\(trainedOn.sha256.prefix(8))…) is no longer \(place)in \(locator.dataDirectory)/; give it with --data"
      )
    }
    return CorpusLocation(path: path, dataset: trainedOn.dataset, note: nil)
  }
}
