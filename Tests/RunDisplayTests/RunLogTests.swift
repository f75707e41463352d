// Lines about steps and fields of the live line, from values.

import Capacity
import GPTModel
import Platform
import TerminalDisplay
import Testing
import TrainingState

@testable import RunDisplay
@testable import Training

private func metrics(_ step: Int, seconds: Double, loss: Double = 2, tokens: Int = 1_000) -> StepMetrics {
  StepMetrics(
    step: step, epoch: 1 + step / 100, loss: loss, learningRate: 1.47e-5, seconds: seconds, tokens: tokens)
}

@Suite struct StepLineTests {
  private func line(_ position: String, speed: Double?, left: Double?, norm: String? = nil) -> String {
    StepLine(
      position: position, learningRate: "lr 1.47e-05", loss: "loss 5.9321", gradientNorm: norm,
      tokensPerSecond: speed, secondsLeft: left
    ).text
  }

  @Test func theReferencesLineAndWhatThereIsRoomFor() {
    let position = RunLog.position(10, epoch: 1, of: 2040)
    #expect(position == "epoch  1 | step    10 / 2040")
    let start = "\(position) | lr 1.47e-05 | loss 5.9321"
    #expect(
      line(position, speed: 61_234, left: 250)
        == "\(start) | 61.2k tok/s | ETA 4m".replacing("61.2", with: "61"))
    #expect(line(position, speed: 5_240, left: 2_350) == "\(start) | 5.2k tok/s | ETA 39m")
    #expect(line(position, speed: 5_240, left: 12) == "\(start) | 5.2k tok/s | ETA 12s")
    #expect(line(position, speed: 123, left: 0.42) == "\(start) | 123 tok/s | ETA <1s")
    #expect(line(position, speed: nil, left: nil) == start)
    #expect(
      line(position, speed: 5_240, left: 2_350, norm: "grad 0.123") == "\(start) | grad 0.123 | ETA 39m")
  }

  @Test func noNumberMakesItLonger() {
    for total in [1, 1_830, 1_000_000, 1_000_000_000] {
      for (speed, left, norm) in [
        (1e-3, 9e8, "grad 123456789.123"), (123_456_789, 86_400 * 99, "grad 0.123"), (5e5, 59, nil),
      ] as [(Double, Double, String?)] {
        let position = RunLog.position(total, epoch: 100, of: total)
        let text = line(position, speed: speed, left: left, norm: norm)
        #expect(text.count <= 79 && text.contains("loss 5.9321"), "\(text)")
      }
    }
  }
}

@Suite struct LogPaceTests {
  /// 1,000 steps of names take 70 ms: two lines.
  @Test func fastStepsAreFewLines() {
    var (last, lines): (Double?, [Int]) = (nil, [])
    for step in 1...1_000 {
      let now = Double(step) * 70e-6
      guard LogPace.usual.isDue(step: step, first: 1, last: 1_000, seconds: last.map { now - $0 }) else {
        continue
      }
      last = now
      lines.append(step)
    }
    #expect(lines == [1, 1_000])
  }

  @Test func slowStepsHaveALineEach() {
    for step in 1...5 { #expect(LogPace.usual.isDue(step: step, first: 1, last: 100, seconds: 37)) }
    #expect(!LogPace.usual.isDue(step: 7, first: 1, last: 100, seconds: 4.9))
  }

  @Test func theOtherPaces() {
    #expect(
      (1...30).filter { LogPace.steps(10).isDue(step: $0, first: 1, last: 25, seconds: 99) } == [10, 20, 30])
    #expect(!LogPace.never.isDue(step: 1, first: 1, last: 1, seconds: nil))
    #expect((1...30).filter { LogPace.atTheEnd.isDue(step: $0, first: 1, last: 30, seconds: 99) } == [30])
  }
}

@Suite struct RunStatusTests {
  private func status(saves: Bool = true, peak: Double = 1e9) -> RunStatus {
    var configuration = TrainingConfiguration()
    configuration.model.vocabularySize = 66
    configuration.schedule.totalSteps = 1_830
    let facts = TrainingFacts(
      configuration: configuration, kernelFamily: "simd-fma", worldSize: 1, threads: 1, sequenceCount: 100,
      heldOutCount: 10, validatedCount: 10, stepsPerEpoch: 122, leftoverCount: 0, firstStep: 0,
      lastStep: 1_830,
      earlierSeconds: 0)
    return RunStatus(
      facts, work: StepWork(configuration: configuration, peak: peak), saves: saves, begin: 1_000)
  }

  private func text(_ status: RunStatus, at now: Double) -> [String] {
    status.fields(at: now, isBusy: false).map(\.long)
  }

  @Test func beforeTheFirstStepItSaysHowLong() {
    #expect(text(status(), at: 1_001) == ["step 0 / 1,830"])
    #expect(text(status(), at: 1_012) == ["step 0 / 1,830", "this step 12s"])
    // An activity of its own says so.
    #expect(status().delay(at: 1_012) == nil)
  }

  @Test func numbersOfARun() {
    let status = status()
    for step in 1...100 {
      status.finished(metrics(step, seconds: Double(step), loss: step < 50 ? 4 : 2), at: 1_000 + Double(step))
    }
    status.validated(1.98712, at: 1_100)
    status.saved(at: 1_090)
    let fields = status.fields(at: 1_100, isBusy: false)
    let long = fields.map(\.long)
    #expect(long[0] == "step 100 / 1,830" && fields[0].short == "step 100/1830")
    #expect(long.contains("epoch 2") && long.contains("validation 1.9871") && long.contains("1,000 tok/s"))
    #expect(long.contains("28m 50s left") && long.contains("saved 10s ago"), "\(long)")
    // Of the last twenty steps or so: between 4 and 2, nearly 2.
    let loss = long.first { $0.hasPrefix("loss ") }.flatMap { Double($0.dropFirst(5)) } ?? 0
    #expect(loss > 2.05 && loss < 2.3, "\(long)")
    #expect(long.contains { $0.hasSuffix(" % of peak") })
    // It goes on within a long step, and says so.
    #expect(text(status, at: 1_110).contains("28m 49s left"))
    #expect(text(status, at: 1_110).contains("this step 10s"))
    #expect(!status.fields(at: 1_110, isBusy: true).contains { $0.long.hasPrefix("this step") })
    #expect(status.delay(at: 1_103) == nil)
    #expect(status.delay(at: 1_104.5) == "step 101 takes longer than all before it: 4 s so far")
    #expect(status.delay(at: 1_130) == "step 101 takes longer than all before it: 30 s so far")
  }

  /// A tenth of what the machine can do.
  @Test func theShareOfPeak() {
    var configuration = TrainingConfiguration()
    configuration.model.vocabularySize = 66
    let operations = StepWork(configuration: configuration, peak: 0).operations(tokens: 1_000)
    let status = status(peak: 10 * operations)
    for step in 1...9 { status.finished(metrics(step, seconds: Double(step)), at: 1_000 + Double(step)) }
    #expect(text(status, at: 1_009).contains("10 % of peak"))
  }

  @Test func whatCannotBeKnownIsNotShown() {
    let status = status(saves: false, peak: 0)
    status.finished(metrics(1, seconds: 1), at: 1_001)
    let fields = text(status, at: 1_001)
    #expect(!fields.contains { $0.contains("saved") || $0.contains("peak") || $0.contains("validation") })
    #expect(text(self.status(), at: 1_001).count == 1)
  }

  @Test func theFirstLossIsNoMeanWithZero() {
    var smoothed = SmoothedLoss()
    smoothed.add(4)
    #expect(abs(smoothed.value - 4) < 1e-12)
    for _ in 0..<200 { smoothed.add(1) }
    #expect(smoothed.value < 1.01)
  }
}
