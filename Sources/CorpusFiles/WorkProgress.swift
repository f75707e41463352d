// How far long work on a file has come: counted by the thread that does it, shown by another.

import Platform
import Synchronization

public final class WorkProgress: Sendable {
  private let work = Mutex<(verb: String, total: Int, began: Double)>(("", 0, 0))
  private let done = Atomic<Int>(0)

  public init() {}

  /// - Parameters:
  ///   - verb: `scanning big.txt`
  ///   - total: bytes; 0 if nobody knows.
  public func begin(_ verb: String, total: Int) {
    work.withLock { $0 = (verb, total, monotonicSeconds()) }
    done.store(0, ordering: .relaxed)
  }

  public func advance(by count: Int) { done.wrappingAdd(count, ordering: .relaxed) }

  /// Bytes so far.
  public var count: Int { done.load(ordering: .relaxed) }

  /// There is nothing more to do.
  public func end() { begin("", total: 0) }

  /// `scanning big.txt: 430 of 1,000 MB, 4.2s left`; empty while there is nothing to do.
  public var line: String {
    let (verb, total, began) = work.withLock { $0 }
    return verb.isEmpty ? "" : Self.line(verb, count, of: total, seconds: monotonicSeconds() - began)
  }

  /// - Parameters:
  ///   - total: 0 if nobody knows.
  ///   - seconds: since the beginning; what is left is said once there is enough to tell from.
  public static func line(_ verb: String, _ count: Int, of total: Int, seconds: Double = 0) -> String {
    func megabytes(_ count: Int) -> String {
      max(count, total) < 100_000_000
        ? Readable.fixed(Double(count) / 1e6, digits: 1) : Readable.grouped(count / 1_000_000)
    }
    guard total > 0 else { return "\(verb): \(megabytes(count)) MB so far" }
    let text = "\(verb): \(megabytes(min(count, total))) of \(megabytes(total)) MB"
    guard seconds > 1, count > 0, count < total else { return text }
    let left = seconds / Double(count) * Double(total - count)
    return "\(text), \(Readable.duration(seconds: left)) left"
  }
}
