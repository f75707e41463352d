// Whole texts in a cache folder, named by their SHA-256: what was decompressed, and what another host has sent. A text
// has its name only once it is complete, verified and on the disk.

import Glibc
import Platform
import Reproducibility

public struct TextStore: Sendable {
  public let cache: CacheFolder
  private var folder: String { cache.path + "/texts" }

  public init(_ cache: CacheFolder) { self.cache = cache }

  public func path(sha256: String) -> String { "\(folder)/\(sha256)" }

  /// A text that is here. Read to the end unless it is as it was when it was verified.
  public func find(sha256: String, byteCount: Int, progress: WorkProgress) -> String? {
    let path = path(sha256: sha256)
    guard let file = try? FileDescriptor(open: path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
      let status = try? file.status(), FileKind(status) == .regular, Int(status.st_size) == byteCount
    else { return nil }
    let stamp = FileStamp(status)
    if let record = cache.record("\(sha256).text") {
      var reader = ByteReader(record, garbled: RuntimeFailure(""))
      if (try? FileStamp(&reader)) == stamp { return path }
    }
    progress.begin("verifying \(path)", total: byteCount)
    guard (try? SHA256.hash(progress: progress, read: { try file.readFully($1, at: $0) })) == sha256 else {
      return nil
    }
    remember(stamp, sha256)
    return path
  }

  private func remember(_ stamp: FileStamp, _ sha256: String) {
    var writer = ByteWriter()
    stamp.append(to: &writer)
    cache.store(writer.bytes, as: "\(sha256).text")
  }

  /// Begins a text that is to come in pieces.
  /// - Parameter byteCount: what it needs, nil if nobody knows.
  /// - Throws: `RuntimeFailure` in words if it cannot stand here.
  public func begin(byteCount: Int?) throws -> Incoming {
    guard !cache.isReadOnly else { throw RuntimeFailure("nothing is written there") }
    try createFolder(of: folder + "/x")
    removeRemains()
    if let byteCount, let free = Machine.freeBytes(at: folder), free < byteCount {
      throw RuntimeFailure("\(Readable.bytes(byteCount)) are needed and \(Readable.bytes(free)) free")
    }
    return try Incoming(in: folder)
  }

  /// What killed programs have left. The lock of a living one is held.
  private func removeRemains() {
    for name in (try? fileNames(in: folder)) ?? [] where name.hasSuffix(Incoming.suffix) {
      let path = "\(folder)/\(name)"
      guard let file = try? FileDescriptor(open: path, O_RDWR | O_NOFOLLOW | O_NONBLOCK),
        FileLock.take(file) == .granted
      else { continue }
      _ = unlink(path)
    }
  }

  /// A text on its way: a file of its own, locked while somebody writes to it.
  public final class Incoming {
    static let suffix = ".part"
    private let folder: String
    private let temporary: String
    private let file: FileDescriptor
    private var hasher = SHA256()
    public private(set) var byteCount = 0
    private var isKept = false

    init(in folder: String) throws {
      self.folder = folder
      temporary =
        "\(folder)/\(Machine.hostName)-\(getpid())-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        + Self.suffix
      file = try FileDescriptor(open: temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o666)
      _ = FileLock.take(file)
    }

    deinit { if !isKept { _ = unlink(temporary) } }

    public func append(_ bytes: UnsafeRawBufferPointer) throws {
      try file.writeAll(bytes)
      hasher.update(bytes)
      byteCount += bytes.count
    }

    /// Makes it of memory that is the file's own, for what is written in no order.
    public func fill(_ count: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Void) throws {
      precondition(byteCount == 0 && count > 0)
      // Not ftruncate alone: a full disk would end the process at the first write to a hole.
      let status = posix_fallocate(file.raw, 0, off_t(count))
      guard status == 0 else { throw RuntimeFailure(systemError(status)) }
      let memory = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, file.raw, 0)
      guard let memory, memory != MAP_FAILED else { throw RuntimeFailure(systemError()) }
      defer { munmap(memory, count) }
      let bytes = UnsafeMutableRawBufferPointer(start: memory, count: count)
      try body(bytes)
      hasher.update(UnsafeRawBufferPointer(bytes))
      byteCount = count
    }

    /// Puts it on the disk and gives it its name.
    ///
    /// - Parameter expected: what its digest must be; nil for a text that nobody knows yet.
    /// - Returns: where it is, and its digest.
    /// - Throws: `RuntimeFailure` in words.
    public func finish(in store: TextStore, sha256 expected: String? = nil) throws -> (
      path: String, sha256: String
    ) {
      let sha256 = hasher.hexadecimalDigest()
      guard expected == nil || sha256 == expected else {
        throw RuntimeFailure("it arrived damaged: its sha256 is \(sha256.prefix(8))…")
      }
      let path = store.path(sha256: sha256)
      try file.synchronize()
      // Whatever has the name is the same text, or damaged.
      if try FileReplacement.link(temporary, as: path) {
        _ = unlink(temporary)
      } else {
        _ = unlink(path)
        try FileReplacement.move(temporary, to: path)
      }
      isKept = true
      try FileReplacement.synchronizeFolder(of: path)
      if let status = try? file.status() { store.remember(FileStamp(status), sha256) }
      return (path, sha256)
    }
  }

  // MARK: Compressed files

  /// The text of a compressed file, from here if it was decompressed before.
  ///
  /// - Parameters:
  ///   - opened: the compressed file.
  ///   - path: its name, for messages.
  /// - Returns: where the text is, or nil if the folder cannot be written to.
  /// - Throws: `InvalidInput` if the file is damaged or there is no room for its text.
  func unpack(
    _ opened: borrowing FileDescriptor, path: String, compression: Compression, progress: WorkProgress
  ) throws -> String? {
    let now = wallClockSeconds()
    let stamp = FileStamp(try opened.status())
    var key = ByteWriter()
    key.append(absolutePath(of: path))
    stamp.append(to: &key)
    let name = key.bytes.withUnsafeBytes { SHA256.hash($0) } + ".unpacked"
    if let known = unpacked(name, progress: progress) { return known }
    guard !cache.isReadOnly, let lock = try? lock(named: name, progress: progress) else { return nil }
    // Another job may have done it while this one waited.
    if let known = unpacked(name, progress: progress) { return known }
    guard let incoming = try? begin(byteCount: nil) else { return nil }
    do {
      if let free = Machine.freeBytes(at: folder), free < stamp.byteCount {
        throw NoRoom(reason: "its text is larger than the \(Readable.bytes(free)) that are free there")
      }
      try decompress(opened, stamp.byteCount, compression, into: incoming, path: path, progress: progress)
      guard FileStamp(try opened.status()) == stamp else {
        throw RuntimeFailure("\(path) changed while it was read; keep the corpus as it is during a run")
      }
      progress.begin("writing the text of \(path) to the disk", total: 0)
      let (text, sha256) = try incoming.finish(in: self)
      if stamp.isSettled(at: now) {
        var writer = ByteWriter()
        writer.append(sha256)
        writer.append(incoming.byteCount)
        cache.store(writer.bytes, as: name)
      }
      withExtendedLifetime(lock) {}
      return text
    } catch let error as NoRoom {
      throw InvalidInput(
        "cannot decompress \(path) into \(folder): \(error.reason); set XDG_CACHE_HOME to a folder with more room, "
          + "or decompress it yourself")
    }
  }

  private func unpacked(_ name: String, progress: WorkProgress) -> String? {
    guard let record = cache.record(name) else { return nil }
    var reader = ByteReader(record, garbled: RuntimeFailure(""))
    guard let sha256 = try? reader.text(), let byteCount: Int = try? reader.number() else { return nil }
    return find(sha256: sha256, byteCount: byteCount, progress: progress)
  }

  private struct NoRoom: Error { let reason: String }

  private func decompress(
    _ opened: borrowing FileDescriptor, _ size: Int, _ compression: Compression, into incoming: Incoming,
    path: String, progress: WorkProgress
  ) throws {
    progress.begin("decompressing \(path)", total: size)
    let decompressor = try Decompressor(compression)
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { block.deallocate() }
    var (offset, count) = (0, 0)
    repeat {
      count = try opened.readFully(block, at: offset)
      offset += count
      do {
        try decompressor.consume(UnsafeRawBufferPointer(rebasing: block[0..<count])) { text in
          do { try incoming.append(text) } catch { throw NoRoom(reason: "\(error)") }
        }
        if count < block.count { try decompressor.finish() }
      } catch let error as RuntimeFailure {
        throw InvalidInput(
          "the corpus \(path) cannot be decompressed: \(error) (after \(Readable.grouped(incoming.byteCount)) bytes "
            + "of text); get it again")
      }
      progress.advance(by: count)
    } while count == block.count
  }

  /// Waits for other jobs that do the same.
  private func lock(named name: String, progress: WorkProgress) throws -> FileLock.Held {
    try createFolder(of: folder + "/x")
    let path = "\(folder)/\(name).lock"
    while true {
      let held = FileLock.Held(try FileDescriptor(open: path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o666))
      if held.answer != .refused { return held }
      progress.begin("waiting for another job that decompresses the same file", total: 0)
      usleep(100_000)
    }
  }
}

extension SHA256 {
  /// The digest of a whole text, 64 hexadecimal digits.
  ///
  /// - Parameter read: fills the memory with the bytes from an offset on; fewer only at the end.
  static func hash(
    progress: WorkProgress?, read: (_ offset: Int, UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> String {
    var hasher = SHA256()
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { block.deallocate() }
    var (offset, count) = (0, 0)
    repeat {
      count = try read(offset, block)
      hasher.update(UnsafeRawBufferPointer(rebasing: block[0..<count]))
      offset += count
      progress?.advance(by: count)
    } while count == block.count
    return hasher.hexadecimalDigest()
  }
}
