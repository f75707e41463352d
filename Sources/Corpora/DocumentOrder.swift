// The order in which documents are trained on, in a file if there are many: memory does not grow with the corpus.

import CorpusFiles
import Glibc
import Platform
import Reproducibility

/// A training has only one, which its parts share: shuffled once from the seed, or the order of the text.
public struct DocumentOrder: Sendable {
  private enum Storage: Sendable {
    case natural
    case memory([UInt32])
    case file(OrderFile)
  }

  private final class OrderFile: Sendable {
    let path: String
    let descriptor: FileDescriptor
    init(_ path: String) throws {
      self.path = path
      descriptor = try FileDescriptor(open: path, O_RDONLY)
    }
  }

  public let count: Int
  private let storage: Storage

  /// Documents whose order is kept in memory, 4 MB of it.
  public static let mostInMemory = 1 << 20
  /// Of a number in a file.
  private static let width = MemoryLayout<UInt64>.size / 2

  /// In memory.
  public init(count: Int, seed: UInt64, isShuffled: Bool) {
    precondition(count <= Int(UInt32.max))
    self.count = count
    guard isShuffled else {
      storage = .natural
      return
    }
    var random = Philox(seed: seed, purpose: .documentOrder)
    storage = .memory(
      [UInt32](unsafeUninitializedCapacity: count) { numbers, filled in
        random.fill(permutation: UnsafeMutableBufferPointer(rebasing: numbers[0..<count]))
        filled = count
      })
  }

  /// - Parameter path: of `file`.
  /// - Throws: `RuntimeFailure` if it cannot be read.
  public init(count: Int, file path: String) throws {
    self.count = count
    do {
      storage = .file(try OrderFile(path))
    } catch {
      throw RuntimeFailure("cannot read the order of the documents, \(path): \(error)")
    }
  }

  /// A file with the shuffled order, from a cache folder or made there, for the ranks of this host.
  /// - Returns: nil where none can be written: each rank then keeps the order in memory.
  public static func file(
    count: Int, seed: UInt64, caches: [CacheFolder], mostInMemory: Int = mostInMemory, progress: WorkProgress
  ) -> String? {
    guard count > mostInMemory, count <= Int(UInt32.max) else { return nil }
    let name = "shuffled-\(count)-\(String(seed, radix: 16)).order"
    for cache in caches {
      let store = TextStore(cache)
      if let record = cache.record(name) {
        var reader = ByteReader(record, garbled: RuntimeFailure(""))
        if let sha256 = try? reader.text(),
          let path = store.find(sha256: sha256, byteCount: count * width, progress: progress)
        {
          return path
        }
      }
    }
    for cache in caches {
      let store = TextStore(cache)
      guard let incoming = try? store.begin(byteCount: count * width) else { continue }
      progress.begin("shuffling documents", total: count * width)
      var random = Philox(seed: seed, purpose: .documentOrder)
      let made: Void? = try? incoming.fill(count * width) { memory in
        random.fill(permutation: memory.bindMemory(to: UInt32.self)) { progress.advance(by: $0 * width) }
      }
      guard made != nil, let (path, sha256) = try? incoming.finish(in: store) else { continue }
      var writer = ByteWriter()
      writer.append(sha256)
      cache.store(writer.bytes, as: name)
      return path
    }
    return nil
  }

  /// The document at a position of the order.
  /// - Throws: `RuntimeFailure` if the file of the order is not what it was.
  public func document(at position: Int) throws -> Int {
    switch storage {
    case .natural: return position
    case .memory(let numbers): return Int(numbers[position])
    case .file(let file):
      var number: UInt32 = .max
      let read = try? withUnsafeMutableBytes(of: &number) {
        try file.descriptor.readFully($0, at: position * Self.width)
      }
      guard read == Self.width, number < count else {
        throw RuntimeFailure("the order of the documents, \(file.path), is no longer readable")
      }
      return Int(number)
    }
  }
}
