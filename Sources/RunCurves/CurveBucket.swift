// Neighbouring steps of a run as one: their extremes and their ends, as they were, and what is needed for means.

/// One value of a curve, exactly as the run had it.
package struct CurvePoint: Equatable, Sendable {
  package var step: Int
  /// Nats a character.
  package var loss: Double
  /// Since the beginning of the training, earlier runs included.
  package var seconds: Double

  package init(step: Int, loss: Double, seconds: Double) {
    (self.step, self.loss, self.seconds) = (step, loss, seconds)
  }
}

/// What a curve takes of one step.
package struct CurveStep: Sendable {
  package var point: CurvePoint
  /// Targets of the step, and the seconds since the step before it; nil where that is not known.
  package var tokens = 0.0
  package var duration: Double?
  package var learningRate: Double?
  package var gradientNorm: Double?

  package init(_ point: CurvePoint) { self.point = point }
}

package struct CurveBucket: Equatable, Sendable {
  package var first: CurvePoint
  package var lowest: CurvePoint
  package var highest: CurvePoint
  package var last: CurvePoint
  package var count: Int
  package var lossSum: Double
  /// Of the steps whose duration is known, and their durations together.
  package var tokens: Double
  package var seconds: Double
  /// At the last step.
  package var learningRate: Double?
  /// The largest.
  package var gradientNorm: Double?

  init(_ step: CurveStep) {
    (first, lowest, highest, last) = (step.point, step.point, step.point, step.point)
    (count, lossSum) = (1, step.point.loss)
    (tokens, seconds) = step.duration.map { (step.tokens, $0) } ?? (0, 0)
    (learningRate, gradientNorm) = (step.learningRate, step.gradientNorm)
  }

  /// The points of a bucket that were kept, in the order of steps; the means that go with them follow.
  package init?(points: [CurvePoint]) {
    guard let first = points.first, let last = points.last,
      let lowest = points.min(by: { $0.loss < $1.loss }),
      let highest = points.max(by: { $0.loss < $1.loss })
    else { return nil }
    (self.first, self.lowest, self.highest, self.last) = (first, lowest, highest, last)
    (count, lossSum) = (points.count, points.reduce(0) { $0 + $1.loss })
    (tokens, seconds) = (0, 0)
  }

  /// The points worth drawing, in the order of steps, each once: at most four.
  package var points: [CurvePoint] {
    var points = [first]
    let middle = lowest.step < highest.step ? [lowest, highest] : [highest, lowest]
    for point in middle + [last] where point.step > points[points.count - 1].step { points.append(point) }
    return points
  }

  package var mean: Double { lossSum / Double(count) }
  /// Targets a second; nil where no duration is known.
  package var speed: Double? { seconds > 0 ? tokens / seconds : nil }

  /// Adds the steps of a bucket that comes later.
  mutating func add(_ other: CurveBucket) {
    // Of equal ones the earlier stays.
    if other.lowest.loss < lowest.loss { lowest = other.lowest }
    if other.highest.loss > highest.loss { highest = other.highest }
    last = other.last
    count += other.count
    lossSum += other.lossSum
    tokens += other.tokens
    seconds += other.seconds
    learningRate = other.learningRate ?? learningRate
    if let norm = other.gradientNorm { gradientNorm = max(gradientNorm ?? norm, norm) }
  }

  /// Without what came after `step`. Of a bucket that is cut, the means are those of the points that were kept.
  func upTo(_ step: Int) -> CurveBucket? {
    if last.step <= step { return self }
    return CurveBucket(points: points.filter { $0.step <= step })
  }
}
