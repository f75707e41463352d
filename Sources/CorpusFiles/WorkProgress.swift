// How far long work on a file has come: counted by the thread that does it, shown by another.

import Platform
import Synchronization

public final class WorkProgress: Sendable {
  private let work = Mutex<(verb: String, total: Int)>(("", 0))
  private let done = Atomic<Int>(0)

  public init() {}

  /// - Parameters:
  ///   - verb: `scanning big.txt`
  ///   - total: bytes; 0 if nobody knows.
  public func begin(_ verb: String, total: Int) {
    work.withLock { $0 = (verb, total) }
    done.store(0, ordering: .relaxed)
  }

  public func advance(by count: Int) { done.wrappingAdd(count, ordering: .relaxed) }

  /// Bytes so far.
  public var count: Int { done.load(ordering: .relaxed) }

  /// `scanning big.txt: 430 of 1,000 MB`; empty while there is nothing to do.
  public var line: String {
    let (verb, total) = work.withLock { $0 }
    return verb.isEmpty ? "" : Self.line(verb, count, of: total)
  }

  /// - Parameter total: 0 if nobody knows.
  public static func line(_ verb: String, _ count: Int, of total: Int) -> String {
    func megabytes(_ count: Int) -> String { Readable.grouped(count / 1_000_000) }
    return total > 0
      ? "\(verb): \(megabytes(min(count, total))) of \(megabytes(total)) MB"
      : "\(verb): \(megabytes(count)) MB so far"
  }
}
