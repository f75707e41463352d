// When the log has a line about a step. Pure.

package enum LogPace: Equatable, Sendable {
  case never
  /// After every so many steps.
  case steps(Int)
  /// After the first and the last step, and between them once in so many seconds.
  case seconds(Double)
  /// After the last step: the live line shows the others.
  case atTheEnd

  /// Often enough to follow a run, rarely enough to read it.
  package static let usual = LogPace.seconds(5)

  /// - Parameters:
  ///   - first, last: of this run.
  ///   - seconds: since the last line about a step; nil if there was none.
  func isDue(step: Int, first: Int, last: Int, seconds: Double?) -> Bool {
    switch self {
    case .never: false
    case .steps(let interval): step % interval == 0
    case .seconds(let interval): step == first || step == last || (seconds ?? .infinity) >= interval
    case .atTheEnd: step == last
    }
  }
}
