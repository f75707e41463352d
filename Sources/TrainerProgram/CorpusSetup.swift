// One corpus for all ranks: rank 0 finds and scans it while every other host hashes its own; hosts that lack it get it
// (CorpusDelivery); every rank opens what is on its host.

import Corpora
import CorpusFiles
import DataParallel
import GPTModel
import Platform
import RunPlanning
import TextDelivery
import TrainingState

/// The corpus as every rank knows it.
struct CorpusSetup {
  /// For messages: the file's name, or one for all of them.
  let path: String
  let dataset: String
  /// For the checkpoint: where it is, from the root of rank 0's file system.
  let storedPath: String
  /// For the log, what was done that the user may want to know.
  let notes: [String]
  let scan: CorpusScan
  let file: CorpusFile
  let order: DocumentOrder
  /// Every file that this rank reads.
  let inputs: [String]

  /// - Parameter resumed: the training that is resumed.
  /// - Throws: `InvalidInput` or `RuntimeFailure` on one rank, `PeerFailure` on the others.
  init(
    _ plan: RunPlan, workflow: Workflow, resuming resumed: TrainingState? = nil, communicator: Communicator
  ) throws {
    let progress = WorkProgress()
    let wait = EachWait(
      progress: { progress.line }, isAskedToStop: { SignalRequests.pending.contains(.stop) })
    let located = try LocatedCorpus(communicator, wait) {
      try Self.find(plan, resuming: resumed?.corpus, isReadOnly: false, progress)
    }
    let caches = CacheFolder.candidates(
      for: located.files, dataFolder: plan.options[TrainerOptions.dataFolder])
    let delivery = try CorpusDelivery(
      located, workflow: workflow, caches: caches, communicator, wait, progress)
    path = delivery.places.name
    dataset = located.dataset
    storedPath = located.storedPath
    notes = located.notes + delivery.notes
    scan = delivery.scan
    file = delivery.file
    inputs = delivery.inputs
    let draft = resumed?.configuration ?? plan.draft
    order = try Self.order(
      count: workflow == .documents ? scan.documentCount : 0, seed: draft.randomSeed,
      isShuffled: draft.isShuffled, caches: caches, communicator, wait, progress)
  }

  /// The corpus on rank 0's host, for a dry run: nothing is written, fetched or sent, and the documents are in no order.
  ///
  /// - Throws: `CorpusNotHere`, `NotDecompressed` where that is not enough; else as the other one.
  init(
    previewing plan: RunPlan, workflow: Workflow, resuming resumed: TrainingState?, _ progress: WorkProgress
  )
    throws
  {
    let located = try Self.find(plan, resuming: resumed?.corpus, isReadOnly: true, progress)
    let caches = CacheFolder.candidates(
      for: located.files, dataFolder: plan.options[TrainerOptions.dataFolder]
    ).map(\.readOnly)
    let places = try CorpusPlaces(of: located.files, name: located.name, caches: caches, progress: progress)
    file = try places.open()
    scan = try ScanCache.scan(file, at: places, workflow: workflow, caches: caches, progress: progress)
    (path, dataset, storedPath) = (places.name, located.dataset, located.storedPath)
    notes = located.notes
    inputs = places.inputs
    order = DocumentOrder(
      count: workflow == .documents ? scan.documentCount : 0, seed: 0, isShuffled: false)
  }

  /// The order of the documents; that of many is in a file, one for the ranks of a host.
  private static func order(
    count: Int, seed: UInt64, isShuffled: Bool, caches: [CacheFolder], _ communicator: Communicator,
    _ wait: EachWait, _ progress: WorkProgress
  ) throws -> DocumentOrder {
    guard isShuffled, count > DocumentOrder.mostInMemory else {
      return DocumentOrder(count: count, seed: seed, isShuffled: isShuffled)
    }
    let made =
      try communicator.eachWork(
        wait,
        communicator.localRank == 0
          ? { DocumentOrder.file(count: count, seed: seed, caches: caches, progress: progress) ?? "" } : nil)
    let paths = try communicator.allgather(Array((made ?? "").utf8))
    let path = String(decoding: paths[communicator.localRoot], as: UTF8.self)
    guard
      let order = try communicator.eachWork(
        wait,
        {
          path.isEmpty
            ? DocumentOrder(count: count, seed: seed, isShuffled: true)
            : try DocumentOrder(count: count, file: path)
        })
    else { preconditionFailure("every rank has made its order") }
    return order
  }

  /// The corpus on rank 0's host.
  private static func find(
    _ plan: RunPlan, resuming trainedOn: CorpusIdentity?, isReadOnly: Bool, _ progress: WorkProgress
  ) throws -> LocatedCorpus {
    let location = try locate(plan, resuming: trainedOn, isReadOnly, progress)
    let files = try CorpusSources.expand(location.sources)
    return LocatedCorpus(
      name: CorpusSources.name(of: location.sources, fileCount: files.count), dataset: location.dataset,
      storedPath: CorpusSources.encode(location.sources, files: files),
      notes: [location.note].compactMap { $0 }, files: files)
  }

  private static func locate(
    _ plan: RunPlan, resuming trainedOn: CorpusIdentity?, _ isReadOnly: Bool, _ progress: WorkProgress
  ) throws -> CorpusLocation {
    let data = plan.options[TrainerOptions.data]
    if !data.isEmpty {
      let names = data.map { source in
        fileName(of: source.hasSuffix("/") ? String(source.dropLast()) : source)
      }
      return CorpusLocation(
        sources: data,
        dataset: CorpusSources.name(of: names, fileCount: try CorpusSources.expand(data).count),
        note: nil)
    }
    let locator = CorpusLocator(
      dataDirectory: plan.options[TrainerOptions.dataFolder], url: plan.options[TrainerOptions.dataURL],
      mayDownload: !plan.options[TrainerOptions.noDownload], isReadOnly: isReadOnly)
    guard let trainedOn else { return try locator.locate(plan.preset.corpus, progress: progress) }
    guard let sources = locator.find(sha256: trainedOn.sha256, at: trainedOn.path, progress: progress) else {
      let place = trainedOn.path.isEmpty ? "" : "at \(trainedOn.path) or "
      throw InvalidInput(
        "the text that \(plan.checkpointPath) was trained on (\(trainedOn.dataset), sha256 "
          + "\(trainedOn.sha256.prefix(8))…) is no longer \(place)in \(locator.dataDirectory)/; give it with --data"
      )
    }
    return CorpusLocation(sources: sources, dataset: trainedOn.dataset, note: nil)
  }
}
