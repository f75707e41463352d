// A curve in bounded memory, however long the run. Nothing is resampled: first, lowest, highest and last value of every
// bucket of steps stay exactly what they were, so that no extreme is lost.

/// A curve of at most `capacity` buckets of `width` steps, a power of two that doubles when there are too many.
///
/// The points are a function of the steps alone: those of a run that was interrupted between two buckets are those of an
/// uninterrupted one.
package struct CurveSeries: Equatable, Sendable {
  package let capacity: Int
  /// In the order of steps.
  package private(set) var buckets: [CurveBucket] = []
  /// log2 of `width`.
  private var shift = 0
  /// Steps whose loss was no finite number: they have no place on the curve.
  package private(set) var skipped = 0

  package init(capacity: Int) {
    precondition(capacity >= 2)
    self.capacity = capacity
    // Buckets come one by one in the middle of a training.
    buckets.reserveCapacity(capacity + 1)
  }

  /// Steps of a bucket.
  package var width: Int { 1 << shift }
  package var last: CurvePoint? { buckets.last?.last }
  package var lowest: CurvePoint? { buckets.min { $0.lowest.loss < $1.lowest.loss }?.lowest }

  /// The next step. One that is not later than the last is none.
  package mutating func append(_ step: CurveStep) {
    guard step.point.step > last?.step ?? 0 else { return }
    guard step.point.loss.isFinite, step.point.seconds.isFinite else { return skipped += 1 }
    append(CurveBucket(step))
  }

  private mutating func append(_ bucket: CurveBucket) {
    if let end = buckets.last, key(end) == key(bucket) {
      buckets[buckets.count - 1].add(bucket)
    } else {
      buckets.append(bucket)
      while buckets.count > capacity { widen() }
    }
  }

  private func key(_ bucket: CurveBucket) -> Int { (bucket.first.step - 1) >> shift }

  private mutating func widen() {
    shift += 1
    var wider: [CurveBucket] = []
    wider.reserveCapacity(capacity + 1)
    for bucket in buckets {
      if let end = wider.last, key(end) == key(bucket) {
        wider[wider.count - 1].add(bucket)
      } else {
        wider.append(bucket)
      }
    }
    buckets = wider
  }

  /// Without what came after `step`.
  package func upTo(_ step: Int) -> CurveSeries {
    var result = self
    result.buckets = buckets.compactMap { $0.upTo(step) }
    return result
  }

  /// A series from the buckets of another; nil unless they could be one of `width`.
  package init?(capacity: Int, width: Int, buckets: [CurveBucket]) {
    self.init(capacity: capacity)
    guard width > 0, width & (width - 1) == 0, buckets.count <= capacity else { return nil }
    shift = width.trailingZeroBitCount
    for bucket in buckets {
      guard bucket.first.step > last?.step ?? 0, (bucket.last.step - 1) >> shift == key(bucket) else {
        return nil
      }
      append(bucket)
    }
  }

  // MARK: Means

  /// The mean of the last `window` steps at the end of each bucket; of fewer at the beginning.
  package func means(window: Int) -> [CurvePoint] {
    trailing(window: window) { $0.reduce(0) { $0 + $1.lossSum } / Double($0.reduce(0) { $0 + $1.count }) }
  }

  /// Targets a second, where durations are known: the median of the last `window` steps, or of the buckets that they are
  /// in, so that the pause of a validation does not look like a slow machine.
  package func speeds(window: Int) -> [CurvePoint] {
    trailing(window: window) { part in
      let speeds = part.compactMap(\.speed).sorted()
      return speeds.isEmpty ? .nan : speeds[speeds.count / 2]
    }
    .filter(\.loss.isFinite)
  }

  private func trailing(window: Int, _ value: (ArraySlice<CurveBucket>) -> Double) -> [CurvePoint] {
    var start = 0
    return buckets.indices.map { index in
      let last = buckets[index].last
      while buckets[start].last.step <= last.step - window { start += 1 }
      return CurvePoint(step: last.step, loss: value(buckets[start...index]), seconds: last.seconds)
    }
  }
}
