// Finds the corpus for a run that names none: in the data folder, else by download, else synthesized. Nothing
// is used before its SHA-256 is verified, and existing files are never replaced.

import CorpusFiles
import Platform
import Reproducibility

/// Where the training text is, and what to report about it.
public struct CorpusLocation: Equatable, Sendable {
  /// Files, folders and patterns, as `CorpusSources` reads them.
  public let sources: [String]
  /// For the checkpoint: the file's name, marked `synthetic` if the text is a substitute.
  public let dataset: String
  /// One line for the log if the user should know what was done.
  public let note: String?

  public init(sources: [String], dataset: String, note: String?) {
    self.sources = sources
    self.dataset = dataset
    self.note = note
  }

  /// One file.
  public init(path: String, dataset: String, note: String?) {
    self.init(sources: [path], dataset: dataset, note: note)
  }
}

public struct CorpusLocator: Sendable {
  /// How long a download may take. The whole search never takes much longer.
  public struct DownloadLimits: Sendable {
    public var connectSeconds = 3
    public var totalSeconds = 30
    /// A transfer slower than 1 kB/s for this long is abandoned.
    public var stallSeconds = 5
    public init() {}
  }

  public let dataDirectory: String
  /// Replaces the corpus's own address: a mirror with the same bytes (http, https or file).
  public let url: String?
  public let mayDownload: Bool
  /// What is here is found, and nothing is written.
  public let isReadOnly: Bool
  private let limits: DownloadLimits

  public init(
    dataDirectory: String = "data", url: String? = nil, mayDownload: Bool = true, isReadOnly: Bool = false,
    limits: DownloadLimits = DownloadLimits()
  ) {
    self.isReadOnly = isReadOnly
    self.dataDirectory = dataDirectory
    self.url = url
    self.mayDownload = mayDownload
    self.limits = limits
  }

  /// The corpus, downloaded or replaced by a synthetic one if necessary. Called by rank 0 only.
  /// - Throws: `InvalidInput` if the data folder holds another file under that name or cannot be written;
  ///   `CorpusNotHere` where that would be needed and nothing may be written.
  public func locate(
    _ corpus: KnownCorpus, progress: WorkProgress = WorkProgress()
  ) throws -> CorpusLocation {
    let path = dataDirectory + "/" + corpus.fileName
    if try isPresent(path, sha256: corpus.sha256) {
      return CorpusLocation(path: path, dataset: corpus.fileName, note: nil)
    }
    let address = url ?? corpus.url
    if isReadOnly, mayDownload {
      throw CorpusNotHere(
        words: "\(path) (\(Readable.bytes(corpus.byteCount))) would be downloaded from \(address)")
    }
    let reason: String
    do {
      let bytes = try download(corpus, from: address, progress)
      try write(bytes, to: path)
      return CorpusLocation(
        path: path, dataset: corpus.fileName,
        note: "downloaded \(path) (\(Readable.bytes(bytes.count))) from \(address)")
    } catch let failure as DownloadFailure {
      reason = failure.reason
    }
    let substitute = corpus.substitute
    let substitutePath = dataDirectory + "/" + substitute.fileName
    if try !isPresent(substitutePath, sha256: substitute.sha256) {
      if isReadOnly { throw CorpusNotHere(words: "\(substitutePath) would be generated") }
      try write(substitute.bytes(), to: substitutePath)
    }
    return CorpusLocation(
      path: substitutePath, dataset: "synthetic (\(substitute.fileName))",
      note: "no \(corpus.fileName): \(reason); training on SYNTHETIC text that this program wrote, "
        + "\(substitutePath); --data FILE trains on your own")
  }

  /// A text that is already here: where it was, else one of the known texts in the data folder. Asks no network and
  /// writes nothing.
  ///
  /// - Parameter path: where the text once was, as `CorpusSources.encode` wrote it; empty if nobody knows.
  /// - Returns: its sources.
  public func find(
    sha256: String, at path: String, progress: WorkProgress = WorkProgress()
  ) -> [String]? {
    let known = [KnownCorpus.tinyShakespeare, .names].flatMap {
      [($0.fileName, $0.sha256), ($0.substitute.fileName, $0.substitute.sha256)]
    }
    let ours = known.filter { $0.1 == sha256 }.map { ["\(dataDirectory)/\($0.0)"] }
    let earlier = CorpusSources.decode(path)
    return ((earlier.isEmpty ? [] : [earlier]) + ours).first { sources in
      guard let files = try? CorpusSources.expand(sources) else { return false }
      var caches = CacheFolder.candidates(for: files, dataFolder: dataDirectory)
      if isReadOnly { caches = caches.map(\.readOnly) }
      guard
        let places = try? CorpusPlaces(
          of: files, name: CorpusSources.name(of: sources, fileCount: files.count), caches: caches,
          progress: progress),
        let file = try? places.open()
      else { return false }
      return (try? ScanCache.sha256(file, at: places, caches: caches, progress: progress)) == sha256
    }
  }

  /// Whether the right file is present.
  /// - Throws: `InvalidInput` if another file is in its place.
  private func isPresent(_ path: String, sha256: String) throws -> Bool {
    guard FileIdentity(path) != nil else { return false }
    let found = try CorpusFile(path: path).sha256()
    guard found == sha256 else {
      throw InvalidInput(
        "\(path) is not the expected text (SHA-256 \(found.prefix(8))…, expected \(sha256.prefix(8))…): "
          + "train on it with --data \(path), or move it away")
    }
    return true
  }

  private func download(
    _ corpus: KnownCorpus, from address: String, _ progress: WorkProgress
  ) throws -> [UInt8] {
    guard mayDownload else { throw DownloadFailure(reason: "downloads are switched off") }
    progress.begin("downloading \(corpus.fileName)", total: corpus.byteCount)
    defer { progress.end() }
    // One byte more than expected is enough to detect a body that is too long.
    let bytes = try Curl.get(
      address, limit: corpus.byteCount + 1, limits: limits, progress: progress)
    guard bytes.count == corpus.byteCount else {
      let amount = bytes.count > corpus.byteCount ? "more than \(corpus.byteCount)" : "\(bytes.count)"
      throw DownloadFailure(
        reason: "\(address) sent \(amount) bytes instead of \(corpus.byteCount)")
    }
    let found = bytes.withUnsafeBytes { SHA256.hash($0) }
    guard found == corpus.sha256 else {
      throw DownloadFailure(
        reason: "\(address) sent another text (SHA-256 \(found.prefix(8))…, "
          + "expected \(corpus.sha256.prefix(8))…)")
    }
    return bytes
  }

  /// Writes the whole file or nothing.
  private func write(_ bytes: [UInt8], to path: String) throws {
    do {
      try createFolder(of: path)
    } catch {
      throw InvalidInput(
        "cannot make the data folder \(dataDirectory): \(error); choose another --data-dir, or --data FILE")
    }
    do {
      try FileReplacement.replace(path, with: bytes)
    } catch {
      throw InvalidInput("cannot write \(path): \(error); choose another --data-dir, or --data FILE")
    }
  }
}

/// A text of the program's own that is not here, where nothing may be written.
public struct CorpusNotHere: Error {
  /// What would be done about it.
  public let words: String
}

/// Why there is no corpus from the network. Not an error of the run: a synthetic corpus takes its place.
struct DownloadFailure: Error, Equatable {
  let reason: String
}
