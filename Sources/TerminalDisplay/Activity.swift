// What this process is doing that may take long, in words: asked for by whoever shows it, so that nothing is silent.

import Platform
import Synchronization

/// Something that lasts, from its making to its `end`.
public final class Activity: Sendable {
  /// The last one is within the others.
  private static let underWay = Mutex<[Activity]>([])

  private typealias Words = (text: @Sendable () -> String, isCounted: Bool)
  private let words: Mutex<Words>
  let began = monotonicSeconds()

  private init(_ words: Words) { self.words = Mutex(words) }

  /// - Parameters:
  ///   - text: `reading checkpoints/names.jld2`; asked from another thread.
  ///   - isCounted: whether the text tells how far it is; if not, whoever shows it says how long it has lasted.
  public static func begin(
    _ text: @escaping @Sendable @autoclosure () -> String, isCounted: Bool = false
  ) -> Activity {
    let activity = Activity((text, isCounted))
    underWay.withLock { $0.append(activity) }
    return activity
  }

  /// It is doing something else now, or has come further.
  public func say(_ text: String, isCounted: Bool = false) {
    words.withLock { $0 = ({ text }, isCounted) }
  }

  public func end() { Self.underWay.withLock { $0.removeAll { $0 === self } } }

  public static func during<T>(
    _ text: @escaping @Sendable @autoclosure () -> String, _ body: () throws -> T
  ) rethrows -> T {
    let activity = begin(text())
    defer { activity.end() }
    return try body()
  }

  /// The innermost one that has words, and when the outermost began.
  static var current: Moment? {
    let all = underWay.withLock { $0 }
    guard let first = all.first else { return nil }
    for activity in all.reversed() {
      let words = activity.words.withLock { $0 }
      let text = words.text()
      guard !text.isEmpty else { continue }
      return Moment(
        text: text, isCounted: words.isCounted, began: activity.began, outermost: first.began)
    }
    return nil
  }

  struct Moment: Equatable {
    let text: String
    let isCounted: Bool
    let began: Double
    let outermost: Double
  }
}
