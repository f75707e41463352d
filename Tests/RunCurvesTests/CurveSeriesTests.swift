// Curves in bounded memory: what is kept are the run's own values, extremes and ends among them.

import Testing

@testable import RunCurves

@Suite struct CurveSeriesTests {
  /// A noisy loss, a function of its step.
  static func loss(_ step: Int) -> Double {
    var state = UInt64(step) &* 0x9E37_79B9_7F4A_7C15
    state ^= state >> 31
    state = state &* 0xBF58_476D_1CE4_E5B9
    return 2 + 40 / Double(step + 10) + Double(state >> 40) / Double(1 << 24)
  }

  static func step(_ number: Int) -> CurveStep {
    var step = CurveStep(CurvePoint(step: number, loss: loss(number), seconds: Double(number) * 0.25))
    (step.tokens, step.duration, step.learningRate) = (16, 0.25, 1 / Double(number))
    return step
  }

  static func series(_ steps: some Sequence<Int>, capacity: Int = 1_024) -> CurveSeries {
    var series = CurveSeries(capacity: capacity)
    for number in steps { series.append(step(number)) }
    return series
  }

  @Test(arguments: [1, 7, 1_024, 1_025, 100_000, 10_000_000])
  func keepsExtremesEndsAndBounds(count: Int) throws {
    var series = CurveSeries(capacity: 1_024)
    var (low, high) = (Double.infinity, -Double.infinity)
    for number in 1...count {
      let step = Self.step(number)
      series.append(step)
      (low, high) = (min(low, step.point.loss), max(high, step.point.loss))
    }
    #expect(series.buckets.count <= 1_024 && (count < 1_024 || series.buckets.count >= 512))
    let points = series.buckets.flatMap(\.points)
    #expect(points.allSatisfy { $0.loss == Self.loss($0.step) && $0.seconds == Double($0.step) * 0.25 })
    #expect(zip(points, points.dropFirst()).allSatisfy { $0.step < $1.step })
    #expect(points.first?.step == 1 && points.last?.step == count)
    #expect(series.buckets.reduce(0) { $0 + $1.count } == count)
    #expect(points.map(\.loss).min() == low && points.map(\.loss).max() == high)
    #expect(series.lowest?.loss == low)
  }

  @Test func everyBucketKeepsItsOwnExtremes() {
    let series = Self.series(1...5_000, capacity: 64)
    #expect(series.width == 128)
    for bucket in series.buckets {
      let steps = bucket.first.step...bucket.last.step
      #expect(
        bucket.lowest.loss == steps.map(Self.loss).min() && bucket.highest.loss == steps.map(Self.loss).max())
      #expect(abs(bucket.mean - steps.map(Self.loss).reduce(0, +) / Double(steps.count)) < 1e-12)
      #expect(bucket.learningRate == 1 / Double(bucket.last.step) && bucket.speed == 64)
    }
  }

  @Test func dependsOnTheStepsAlone() {
    // Cut at any step, as by an interruption, and gone on with: where the cut was between buckets, nothing differs.
    let whole = Self.series(1...10_000, capacity: 64)
    var resumed = whole.upTo(whole.buckets[20].last.step)
    for number in (resumed.last!.step + 1)...10_000 { resumed.append(Self.step(number)) }
    #expect(resumed.buckets.map(\.points) == whole.buckets.map(\.points))
    #expect(resumed.buckets.map(\.count) == whole.buckets.map(\.count))
    // Elsewhere the points that are kept are still the run's.
    var cut = whole.upTo(7_003)
    #expect(cut.last!.step <= 7_003)
    for number in 7_004...10_000 { cut.append(Self.step(number)) }
    #expect(cut.buckets.flatMap(\.points).allSatisfy { $0.loss == Self.loss($0.step) })
  }

  @Test func takesStepsOfAnySizeAndLeavesOutWhatIsNoNumber() {
    let sparse = Self.series([1, 2, 1_000_000_000_000], capacity: 2)
    #expect(sparse.buckets.count == 2 && sparse.last?.step == 1_000_000_000_000)
    var series = Self.series(1...3)
    series.append(CurveStep(CurvePoint(step: 4, loss: .nan, seconds: 1)))
    series.append(Self.step(3))
    #expect(series.last?.step == 3 && series.skipped == 1)
  }

  @Test func meansAreOfTheLastSteps() {
    let series = Self.series(1...200)
    let means = series.means(window: 50)
    func mean(_ steps: ClosedRange<Int>) -> Double { steps.map(Self.loss).reduce(0, +) / Double(steps.count) }
    #expect(means.count == 200 && means[0].loss == Self.loss(1))
    #expect(abs(means[9].loss - mean(1...10)) < 1e-12 && abs(means[199].loss - mean(151...200)) < 1e-12)
    #expect(series.speeds(window: 50).allSatisfy { $0.loss == 64 })
  }
}
