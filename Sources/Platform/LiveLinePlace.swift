// Where a live line stands on a terminal (`TerminalDisplay`), for whoever ends or stops this process or has something
// to say: it must be gone then.

import Glibc
import Synchronization

/// Writes lines in the place of `StandardStream`.
public protocol LineWriter: AnyObject, Sendable {
  /// - Parameter bytes: whole lines.
  /// - Returns: the error number, if they are not taken.
  func write(_ bytes: [UInt8], to stream: StandardStream) -> Int32?
}

extension StandardStream {
  /// The descriptor; -1 while no line stands there, -2 after the last one.
  private static let place = Atomic<Int32>(-1)

  /// The descriptor on which a line stands.
  public static var liveLine: Int32? {
    let descriptor = place.load(ordering: .relaxed)
    return descriptor < 0 ? nil : descriptor
  }

  /// A line is about to stand there. - Returns: whether it still may.
  public static func placeLiveLine(on descriptor: Int32) -> Bool {
    _ = place.compareExchange(expected: -1, desired: descriptor, ordering: .relaxed)
    return place.load(ordering: .relaxed) == descriptor
  }

  /// None stands there any more.
  public static func forgetLiveLine() {
    let descriptor = place.load(ordering: .relaxed)
    if descriptor >= 0 { _ = place.compareExchange(expected: descriptor, desired: -1, ordering: .relaxed) }
  }

  /// Removes a line that stands there; also for signal handlers.
  /// - Parameter isLast: none follows.
  public static func clearLiveLine(isLast: Bool = false) {
    let descriptor = place.exchange(isLast ? -2 : -1, ordering: .relaxed)
    let clearing: StaticString = "\r\u{1B}[K"
    if descriptor >= 0 { _ = write(descriptor, clearing.utf8Start, clearing.utf8CodeUnitCount) }
  }
}
