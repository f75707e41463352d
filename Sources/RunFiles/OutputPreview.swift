// What a run would write and set aside, and whether it could: as the run itself finds it, but nothing is touched.

import CheckpointFamilies
import Platform

package struct OutputPreview {
  private let checkpoint, metrics, page: String?
  private let replaces: Bool

  /// - Parameters:
  ///   - checkpoint, metrics, page: nil where none is written.
  ///   - replaces: whether an earlier run's files go, instead of being set aside.
  package init(checkpoint: String?, metrics: String?, page: String?, replaces: Bool) {
    self.checkpoint = checkpoint
    self.metrics = metrics
    self.page = page
    self.replaces = replaces
  }

  /// For the log, at most 79 columns each, paths aside.
  ///
  /// - Parameters:
  ///   - isResumed: whether what is there is this run's.
  ///   - run: the fingerprint of the run that is resumed.
  ///   - total: the last step, if that is known.
  ///   - interval: steps between saves; 0 = at the end.
  /// - Throws: `InvalidInput` for what the run would refuse.
  package func lines(isResumed: Bool, run: UInt64?, total: Int?, interval: Int) throws -> [String] {
    var lines: [String] = []
    if let checkpoint {
      if !isResumed { try CheckpointRotation.refuseForeignFile(at: checkpoint) }
      try OutputLock.refuseHeld(checkpoint: checkpoint)
      let isRegular = interval > 0 && interval < total ?? .max
      lines.append(
        "checkpoint \(checkpoint), "
          + (isRegular ? "every \(Readable.count(interval, "step")) and at the end" : "at the end"))
      if !isResumed { lines += try CheckpointRotation.placesAside(checkpoint).map { aside($0.old, $0.new) } }
    } else {
      lines.append("checkpoint none (--no-save)")
    }
    if let metrics {
      try MetricsFile.checkIsWritable(metrics)
      if FileIdentity(metrics) != nil { try MetricsFile.refuseHeldFile(at: metrics) }
      if !isResumed { try MetricsFile.refuseForeignFile(at: metrics) }
      lines.append("metrics    \(metrics)")
      if !isResumed, let new = try MetricsFile.placeAside(metrics) { lines.append(aside(metrics, new)) }
    }
    if let page {
      try PageFile.checkIsFree(page, for: run)
      if !isResumed { try PageFile.refuseForeignFile(at: page) }
      lines.append("page       \(page)")
      if !isResumed, let new = try EarlierOutput.placeAside(page) { lines.append(aside(page, new)) }
    }
    return lines
  }

  private func aside(_ old: String, _ new: String) -> String {
    "           \(old) of an earlier run would " + (replaces ? "be replaced" : "become \(new)")
  }
}
