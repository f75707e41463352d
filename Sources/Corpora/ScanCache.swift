// Scans of large texts, remembered: found again by what the system knows of the files, without reading them.

import CorpusFiles
import GPTModel
import Platform
import Reproducibility

public enum ScanCache {
  /// Smaller texts are scanned sooner than anything is remembered.
  public static let smallestText = 16 << 20

  /// The scan of a corpus: remembered, or made and then remembered.
  ///
  /// - Parameter caches: where to look, and to write to the first that can be written.
  /// - Throws: as `CorpusScan` does.
  public static func scan(
    _ file: CorpusFile, at places: CorpusPlaces, workflow: Workflow, caches: [CacheFolder],
    smallest: Int = smallestText, progress: WorkProgress
  ) throws -> CorpusScan {
    let entry = Entry(file, places, workflow.rawValue, caches, isWorthIt: file.byteCount >= smallest)
    if let bytes = entry.remembered, let scan = try? CorpusScan(serialized: bytes),
      scan.workflow == workflow, scan.byteCount == file.byteCount
    {
      return scan
    }
    let scan = try CorpusScan(of: file, workflow: workflow, progress: progress)
    entry.remember(scan.serialized())
    return scan
  }

  /// The digest alone.
  public static func sha256(
    _ file: CorpusFile, at places: CorpusPlaces, caches: [CacheFolder], smallest: Int = smallestText,
    progress: WorkProgress
  ) throws -> String {
    let entry = Entry(file, places, "sha256", caches, isWorthIt: file.byteCount >= smallest)
    if let bytes = entry.remembered, bytes.count == 64 { return String(decoding: bytes, as: UTF8.self) }
    for workflow in Workflow.allCases {
      let scanned = Entry(file, places, workflow.rawValue, caches, isWorthIt: file.byteCount >= smallest)
      if let bytes = scanned.remembered, let scan = try? CorpusScan(serialized: bytes),
        scan.byteCount == file.byteCount
      {
        return scan.sha256
      }
    }
    let sha256 = try file.sha256(progress: progress)
    try file.checkUnchanged(sha256: sha256)
    entry.remember(Array(sha256.utf8))
    return sha256
  }

  /// What is known of one corpus under one heading.
  private struct Entry {
    private let file: CorpusFile
    private let caches: [CacheFolder]
    private let name: String
    /// Everything that must still be so: parts, and paths and stamps of the files.
    private let key: [UInt8]
    /// Whether a write from now on would change a stamp.
    private let isSettled: Bool

    init(
      _ file: CorpusFile, _ places: CorpusPlaces, _ heading: String, _ caches: [CacheFolder], isWorthIt: Bool
    ) {
      self.file = file
      self.caches = isWorthIt ? caches : []
      var place = ByteWriter()
      place.append(heading)
      place.append(list: places.paths) { $0.append(absolutePath(of: $1)) }
      place.append(list: places.parts) { $0.append($1.range.count) }
      // Files of the same names on other hosts, in a folder that they share, have entries of their own.
      for stamp in file.stamps {
        place.append(stamp.device)
        place.append(stamp.inode)
      }
      name = place.bytes.withUnsafeBytes { SHA256.hash($0) } + ".scan"
      var key = place
      for stamp in file.stamps { stamp.append(to: &key) }
      self.key = key.bytes
      let now = wallClockSeconds()
      // Texts of our own are written once, under a name that they get when they are whole.
      let own = caches.map { absolutePath(of: TextStore($0).path(sha256: "")) }
      isSettled = zip(places.paths, file.stamps).allSatisfy { path, stamp in
        stamp.isSettled(at: now) || own.contains(folder(of: absolutePath(of: path)))
      }
    }

    var remembered: [UInt8]? {
      for cache in caches {
        guard let record = cache.record(name) else { continue }
        var reader = ByteReader(record, garbled: RuntimeFailure(""))
        if let found: [UInt8] = try? reader.list(), found == key, let content: [UInt8] = try? reader.list() {
          return content
        }
      }
      return nil
    }

    func remember(_ content: [UInt8]) {
      // Taken before reading; checked after it by whoever has read.
      guard isSettled else { return }
      var record = ByteWriter()
      record.append(list: key)
      record.append(list: content)
      for cache in caches where cache.store(record.bytes, as: name) { return }
    }
  }
}
