// What this process is doing that may take long, in words: asked for by whoever shows it, so that nothing is silent.

import Platform
import Synchronization

/// Something that lasts, from its making to its `end`.
public final class Activity: Sendable {
  /// The last one is within the others.
  private static let underWay = Mutex<[Activity]>([])

  private let words: Mutex<@Sendable () -> String>
  let began = monotonicSeconds()

  private init(_ words: @escaping @Sendable () -> String) { self.words = Mutex(words) }

  /// - Parameter text: `reading checkpoints/names.jld2`, with how far it is, if that is known; asked from another thread.
  public static func begin(_ text: @escaping @Sendable @autoclosure () -> String) -> Activity {
    let activity = Activity(text)
    underWay.withLock { $0.append(activity) }
    return activity
  }

  /// It is doing something else now, or has come further.
  public func say(_ text: String) { words.withLock { $0 = { text } } }

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
      let text = activity.words.withLock { $0 }()
      if !text.isEmpty { return Moment(text: text, began: activity.began, outermost: first.began) }
    }
    return nil
  }

  struct Moment: Equatable {
    let text: String
    let began: Double
    let outermost: Double
  }
}
