// The files of a corpus, open: ranks read the few bytes they need, never the whole text. Several files are one text, as
// `cat` would make it.

import Glibc
import Platform
import Reproducibility
import Synchronization

/// Read-only access by position. Safe to share between threads: it has no file offset.
public final class CorpusFile: Sendable {
  /// A file as the user named it, and which bytes of the whole are its text.
  public struct Part: Equatable, Sendable {
    public let path: String
    /// Nil for a file that is text itself.
    public let compression: Compression?
    public let range: Range<Int>

    public init(path: String, compression: Compression? = nil, range: Range<Int>) {
      self.path = path
      self.compression = compression
      self.range = range
    }
  }

  /// For messages: the file's name, or one for all of them.
  public let path: String
  /// Size of all when they were opened.
  public let byteCount: Int
  /// In order, without gaps.
  public let parts: [Part]
  /// What is really read, in order, without gaps: one for each part, or all parts in one.
  private let files: [OpenFile]
  /// Files read since the last look at their stamps, and whose turn it is among the others.
  private let watch = Mutex<(touched: Set<Int>, turn: Int)>(([], 0))
  /// So many files are looked at each time, whether read or not.
  private static let watchedAtOnce = 64

  private final class OpenFile: Sendable {
    let path: String
    let range: Range<Int>
    let descriptor: FileDescriptor
    /// As of the last moment when the content was known.
    let stamp: Mutex<FileStamp>

    init(_ text: consuming OpenText, path: String, start: Int) {
      self.path = path
      range = start..<start + text.stamp.byteCount
      stamp = Mutex(text.stamp)
      descriptor = text.file
    }
  }

  /// One file.
  /// - Throws: `InvalidInput` if there is no readable regular file at `path`.
  public init(path: String) throws {
    let file = OpenFile(try OpenText(path, named: path), path: path, start: 0)
    self.path = path
    byteCount = file.range.count
    parts = [Part(path: path, range: file.range)]
    files = [file]
  }

  /// - Parameters:
  ///   - name: of the whole, for messages.
  ///   - places: the files that are read, in order.
  ///   - parts: what they stand for.
  /// - Throws: `InvalidInput` if one of them cannot be read, `RuntimeFailure` if they do not have the parts' sizes.
  public init(name: String, opening places: [String], parts: [Part]) throws {
    let limit = places.count > 100 ? Machine.allowOpenFiles(places.count + 200) : Int.max
    guard places.count < limit - 100 else {
      throw InvalidInput(
        "the corpus \(name) has \(places.count) files, and a process may open \(limit) (ulimit -n); lift the limit, "
          + "or join them into one file with cat")
    }
    var files: [OpenFile] = []
    for (index, place) in places.enumerated() {
      let shown = places.count == parts.count ? parts[index].path : place
      let start = files.last?.range.upperBound ?? 0
      files.append(OpenFile(try OpenText(place, named: shown), path: shown, start: start))
    }
    path = name
    byteCount = files.last?.range.upperBound ?? 0
    self.parts = parts
    self.files = files
    guard parts.last?.range.upperBound ?? 0 == byteCount else { throw changed() }
  }

  /// Of each file that is read, when its content was last known.
  public var stamps: [FileStamp] { files.map { $0.stamp.withLock(\.self) } }

  /// Fills `buffer` with the bytes from `offset` on.
  /// - Returns: the number of bytes read, less than the buffer's size only at the end of the text.
  /// - Throws: `RuntimeFailure` if the system cannot read, or a file is shorter than it was.
  public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    var index = fileIndex(at: offset)
    while done < buffer.count, index < files.count {
      let file = files[index]
      let local = offset + done - file.range.lowerBound
      let wanted = min(buffer.count - done, file.range.count - local)
      let count: Int
      do {
        count = try file.descriptor.readFully(
          UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + wanted]), at: local)
      } catch {
        throw RuntimeFailure("cannot read \(file.path) at byte \(local): \(error)")
      }
      guard count == wanted else { throw Self.changed(file.path) }
      if files.count > Self.watchedAtOnce { watch.withLock { _ = $0.touched.insert(index) } }
      done += count
      index += 1
    }
    return done
  }

  /// Passes the bytes of part of the text to `body`.
  /// - Throws: `RuntimeFailure` if the files no longer have them all.
  public func withBytes<Result>(
    _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    try withUnsafeTemporaryAllocation(byteCount: range.count, alignment: 16) { buffer in
      guard try read(at: range.lowerBound, into: buffer) == range.count else { throw changed() }
      return try body(UnsafeRawBufferPointer(buffer))
    }
  }

  private func fileIndex(at offset: Int) -> Int {
    Self.last(of: files.count) { files[$0].range.lowerBound <= offset }
  }

  /// The part that has the byte at `offset`.
  public func partIndex(at offset: Int) -> Int {
    Self.last(of: parts.count) { parts[$0].range.lowerBound <= offset }
  }

  /// The last of `count` for which `holds` is true, as for all before it: of several that begin at the same byte, all
  /// but the last are empty.
  private static func last(of count: Int, _ holds: (Int) -> Bool) -> Int {
    var (low, high) = (0, count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if holds(middle) { low = middle } else { high = middle }
    }
    return low
  }

  /// Digest of the whole text, 64 hexadecimal digits.
  /// - Throws: `RuntimeFailure` if the system cannot read.
  public func sha256(progress: WorkProgress? = nil) throws -> String {
    progress?.begin("hashing \(path)", total: byteCount)
    return try SHA256.hash(progress: progress) { try read(at: $0, into: $1) }
  }

  /// Whether what was read before this call was the text that is trained on: ask after reading, not before. Costs one
  /// call of the system for each of the files, or, where they are many, for those that were read and some of the
  /// others in turn. Only after a write, or another change of a file's times, is the text read again.
  ///
  /// - Parameter expected: the digest of the text.
  /// - Throws: `RuntimeFailure` that says what is different.
  public func checkUnchanged(sha256 expected: String) throws {
    var found: [(file: OpenFile, stamp: FileStamp)] = []
    for index in watched() {
      let file = files[index]
      let now: FileStamp
      do {
        now = FileStamp(try file.descriptor.status())
      } catch {
        throw RuntimeFailure("cannot ask for the state of \(file.path): \(error)")
      }
      guard now != file.stamp.withLock({ $0 }) else { continue }
      guard now.byteCount == file.range.count else {
        throw Self.changed(
          file.path,
          ": it had \(Readable.grouped(file.range.count)) bytes and has \(Readable.grouped(now.byteCount))")
      }
      found.append((file, now))
    }
    guard let first = found.first else { return }
    let digest = try sha256()
    guard digest == expected else {
      throw Self.changed(
        first.file.path, ": its sha256 was \(expected.prefix(8))… and is \(digest.prefix(8))…")
    }
    // Taken before reading: what is written meanwhile shows the next time.
    for (file, stamp) in found { file.stamp.withLock { $0 = stamp } }
  }

  private func watched() -> some Sequence<Int> {
    guard files.count > Self.watchedAtOnce else { return Set(files.indices) }
    return watch.withLock { state in
      let turn = (0..<Self.watchedAtOnce).map { (state.turn + $0) % files.count }
      defer {
        state.turn = (state.turn + Self.watchedAtOnce) % files.count
        state.touched.removeAll(keepingCapacity: true)
      }
      return state.touched.union(turn)
    }
  }

  public func changed() -> RuntimeFailure { Self.changed(path) }

  private static func changed(_ path: String, _ how: String = "") -> RuntimeFailure {
    RuntimeFailure("\(path) changed while it was in use\(how); keep the corpus as it is during a run")
  }
}

/// A regular file that can be read, and its stamp.
struct OpenText: ~Copyable {
  let file: FileDescriptor
  let stamp: FileStamp

  /// - Parameter shown: what the user calls it.
  /// - Throws: `InvalidInput` if there is none.
  init(_ path: String, named shown: String) throws {
    do {
      // O_NONBLOCK: opening a FIFO must not wait for a writer.
      let file = try FileDescriptor(open: path, O_RDONLY | O_NONBLOCK)
      let status = try file.status()
      guard FileKind(status) == .regular else {
        throw InvalidInput("the corpus \(shown) is \(FileKind(status).words); give a UTF-8 text file")
      }
      self.init(file: file, stamp: FileStamp(status))
    } catch let failure as RuntimeFailure {
      throw InvalidInput("cannot open the corpus \(shown): \(failure)")
    }
  }

  private init(file: consuming FileDescriptor, stamp: FileStamp) {
    self.file = file
    self.stamp = stamp
  }
}
