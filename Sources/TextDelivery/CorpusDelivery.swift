// The same text on every host. Hosts that have it under the same names use theirs; the others get rank 0's, into a
// cache folder of their own, where the next run finds it.

import Corpora
import CorpusFiles
import DataParallel
import GPTModel
import Platform

/// The corpus of rank 0, open on this rank.
public struct CorpusDelivery {
  public let scan: CorpusScan
  /// As rank 0 has it.
  public let places: CorpusPlaces
  public let file: CorpusFile
  /// Every file of it that this rank reads.
  public let inputs: [String]
  /// Lines for the log of what hosts got; on rank 0.
  public let notes: [String]

  /// - Throws: as `CorpusPlaces` and `CorpusScan` do, on one rank; `PeerFailure` on the others.
  public init(
    _ located: LocatedCorpus, workflow: Workflow, caches: [CacheFolder], _ communicator: Communicator,
    _ wait: EachWait, _ progress: WorkProgress
  ) throws {
    // One rank of each host works, all at the same time.
    let isLeader = communicator.localRank == 0
    let own = try communicator.eachWork(
      wait,
      isLeader
        ? {
          communicator.isRoot
            ? try OwnText(scanning: located, workflow, caches, progress)
            : OwnText(hashing: located, caches, progress)
        } : nil)
    let described = try communicator.fromRoot { own?.description ?? [] }
    var reader = ByteReader(
      described, garbled: RuntimeFailure("rank 0 described the corpus in a way not understood"))
    let places = try CorpusPlaces(&reader)
    let scan = try CorpusScan(serialized: try reader.list())
    let inbox = try Inbox(own, scan, caches, communicator, wait, progress)
    try inbox.receive(from: own?.file, places, communicator, wait)
    let here = try inbox.settle(communicator, wait, progress) ?? own?.places?.paths
    let all = try communicator.allgather(Self.bytes(here ?? []))
    var local = ByteReader(
      all[communicator.localRoot], garbled: RuntimeFailure("the places of the corpus arrived damaged"))
    let paths = try local.list(elementSize: 8) { try $0.text() }
    let opened = CorpusPlaces(name: places.name, parts: places.parts, paths: paths)
    file = try communicator.together {
      do {
        return try opened.open()
      } catch let error as InvalidInput where !communicator.isRoot {
        throw InvalidInput("\(communicator.describe(communicator.rank)): \(error)")
      }
    }
    self.scan = scan
    self.places = places
    inputs = opened.inputs
    notes = try communicator.allgather(Array(inbox.note.utf8)).filter { !$0.isEmpty }
      .map { String(decoding: $0, as: UTF8.self) }
  }

  private static func bytes(_ paths: [String]) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(list: paths) { $0.append($1) }
    return writer.bytes
  }
}

/// What one host has under the names of the corpus.
private struct OwnText: Sendable {
  let places: CorpusPlaces?
  let file: CorpusFile?
  let sha256: String
  /// On rank 0: places and scan, for the others.
  var description: [UInt8] = []
  /// Why there is no such text.
  var lack = ""

  /// - Throws: as `CorpusPlaces` and `CorpusScan` do.
  init(
    scanning located: LocatedCorpus, _ workflow: Workflow, _ caches: [CacheFolder], _ progress: WorkProgress
  ) throws {
    let places = try CorpusPlaces(
      of: located.files, name: located.name, caches: caches, progress: progress)
    let file = try places.open()
    let scan = try ScanCache.scan(
      file, at: places, workflow: workflow, caches: caches, progress: progress)
    (self.places, self.file, sha256) = (places, file, scan.sha256)
    var writer = ByteWriter()
    places.append(to: &writer)
    writer.append(list: scan.serialized())
    description = writer.bytes
  }

  /// Whatever is wrong with it, rank 0's is taken instead.
  init(hashing located: LocatedCorpus, _ caches: [CacheFolder], _ progress: WorkProgress) {
    do {
      let places = try CorpusPlaces(
        of: located.files, name: located.name, caches: caches, progress: progress)
      let file = try places.open()
      sha256 = try ScanCache.sha256(file, at: places, caches: caches, progress: progress)
      (self.places, self.file) = (places, file)
    } catch {
      (places, file, sha256, lack) = (nil, nil, "", "\(error)")
    }
  }
}

/// The place for a text that comes from rank 0.
private final class Inbox {
  private let scan: CorpusScan
  private let host: String
  private var incoming: (text: TextStore.Incoming, store: TextStore)?
  /// Where the text is now, if not under its own names.
  private var path: String?
  private var why = ""
  private var receivers: [Int] = []

  /// Looks for it among the texts of earlier runs, and makes room for it elsewhere.
  init(
    _ own: OwnText?, _ scan: CorpusScan, _ caches: [CacheFolder], _ communicator: Communicator,
    _ wait: EachWait, _ progress: WorkProgress
  ) throws {
    self.scan = scan
    host = communicator.peers[communicator.rank].host
    let isLacking = own.map { $0.sha256 != scan.sha256 } ?? false
    if let own, isLacking {
      why =
        own.lack.isEmpty
        ? "another text is there (sha256 \(own.sha256.prefix(8))… instead of \(scan.sha256.prefix(8))…)"
        : "the corpus is not there (\(own.lack))"
    }
    path = try communicator.eachWork(
      wait,
      isLacking
        ? {
          caches.lazy.compactMap {
            TextStore($0).find(sha256: scan.sha256, byteCount: scan.byteCount, progress: progress)
          }.first ?? ""
        } : nil)
    if path == "" { path = nil }
    incoming = try communicator.together {
      isLacking && path == nil ? try Self.begin(scan, caches, why) : nil
    }
    let needs = try communicator.allgather([incoming == nil ? 0 : 1])
    receivers = needs.indices.filter { needs[$0] == [1] }
  }

  private static func begin(
    _ scan: CorpusScan, _ caches: [CacheFolder], _ why: String
  ) throws -> (TextStore.Incoming, TextStore) {
    var reasons: [String] = []
    for cache in caches {
      let store = TextStore(cache)
      do {
        return (try store.begin(byteCount: scan.byteCount), store)
      } catch {
        reasons.append("\(cache.path): \(error)")
      }
    }
    throw InvalidInput(
      "\(why), and there is no place for rank 0's: \(reasons.joined(separator: "; ")); copy the corpus there, or "
        + "set XDG_CACHE_HOME to a folder with room")
  }

  /// - Parameter file: on rank 0.
  func receive(
    from file: CorpusFile?, _ places: CorpusPlaces, _ communicator: Communicator, _ wait: EachWait
  ) throws {
    let (total, receivers) = (scan.byteCount, receivers)
    let hosts = receivers.map { communicator.peers[$0].host }.joined(separator: ", ")
    try communicator.stream(
      count: total, to: receivers,
      progress: { WorkProgress.line("sending \(places.name) to \(hosts)", $0, of: total) },
      isAskedToStop: wait.isAskedToStop,
      read: { offset, memory in
        guard let file, try file.read(at: offset, into: memory) == memory.count else {
          throw RuntimeFailure("\(places.name) changed while it was sent")
        }
      },
      write: { [self] bytes in
        do {
          try incoming?.text.append(bytes)
        } catch {
          throw RuntimeFailure(
            "cannot write the corpus to \(incoming?.store.cache.path ?? ""): \(error)")
        }
      })
  }

  /// Gives what has come its name.
  /// - Returns: where the text is on this host, if not under the names of the corpus.
  func settle(
    _ communicator: Communicator, _ wait: EachWait, _ progress: WorkProgress
  ) throws -> [String]? {
    nonisolated(unsafe) let incoming = incoming
    let sha256 = scan.sha256
    let settled = try communicator.eachWork(
      wait,
      incoming == nil
        ? nil
        : { () -> String in
          progress.begin("writing the corpus to the disk", total: 0)
          guard let (text, store) = incoming else { return "" }
          do {
            return try text.finish(in: store, sha256: sha256).path
          } catch {
            throw RuntimeFailure("cannot keep the corpus in \(store.cache.path): \(error)")
          }
        })
    if let settled { path = settled }
    self.incoming = nil
    return path.map { [$0] }
  }

  /// A line for the log; empty where nothing was to be done.
  var note: String {
    guard let path else { return "" }
    return "\(host) trains on rank 0's text, in \(path): \(why)"
  }
}
