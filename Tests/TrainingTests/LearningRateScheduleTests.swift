// End points and edges of the learning-rate schedules.

import Foundation
import GPTModel
import TrainingState
import Corpora
import Testing

@testable import Training

@Suite struct LearningRateSchedules {
  @Test func theReferencesCosine() {
    let schedule = LearningRateSchedule.cosine(peak: 3e-4, warmupFraction: 0.1, totalSteps: 2_040)
    #expect(schedule.warmupSteps == 204)
    #expect(schedule.learningRate(atStep: 1) == 3e-4 / 204)
    // The reference's log line: step 10, lr 1.47e-05.
    #expect(String(format: "%.2e", schedule.learningRate(atStep: 10)) == "1.47e-05")
    #expect(schedule.learningRate(atStep: 204) == 3e-4)
    #expect(schedule.learningRate(atStep: 205) < 3e-4)
    #expect(abs(schedule.learningRate(atStep: 204 + 918) - 1.5e-4) < 1e-18)
    #expect(abs(schedule.learningRate(atStep: 2_040)) < 1e-19)
    for step in 2...2_040 {
      let (before, now) = (schedule.learningRate(atStep: step - 1), schedule.learningRate(atStep: step))
      #expect(step <= 204 ? now > before : now < before)
    }
  }

  @Test func warmupRoundsHalfToEven() {
    for (total, warmup) in [(1, 0), (4, 0), (5, 0), (6, 1), (14, 1), (15, 2), (25, 2), (35, 4), (1_830, 183)]
    {
      let schedule = LearningRateSchedule.cosine(peak: 1, warmupFraction: 0.1, totalSteps: total)
      #expect(schedule.warmupSteps == warmup, "total \(total)")
    }
  }

  @Test func theNamesWorkflowsLine() {
    let schedule = LearningRateSchedule.linear(peak: 0.01, totalSteps: 1_000)
    #expect(schedule.learningRate(atStep: 1) == 0.01)
    #expect(schedule.learningRate(atStep: 501) == 0.005)
    #expect(abs(schedule.learningRate(atStep: 1_000) - 1e-5) < 1e-17)
  }

  /// A schedule of rounds is each round's own schedule, one after the other.
  @Test(arguments: [
    (LearningRateSchedule.cosine(peak: 3e-3, warmupFraction: 0.1, totalSteps: 30), [10, 50]),
    (LearningRateSchedule.cosine(peak: 1, warmupFraction: 0.25, totalSteps: 4), [4, 1, 7]),
    (LearningRateSchedule.linear(peak: 0.01, totalSteps: 7), [5]),
  ])
  func addedRoundsBeginAgain(_ first: LearningRateSchedule, _ added: [Int]) {
    var schedule = first
    var naive = (1...first.totalSteps).map(first.learningRate(atStep:))
    let fraction = Double(first.warmupSteps) / Double(first.totalSteps)
    for steps in added {
      schedule.add(steps: steps)
      let round = LearningRateSchedule(
        kind: first.kind, peak: first.peak,
        warmupSteps: Int((fraction * Double(steps)).rounded(.toNearestOrEven)), totalSteps: steps)
      naive += (1...steps).map(round.learningRate(atStep:))
      #expect(schedule.totalSteps == naive.count && schedule.isPossible)
      #expect((1...naive.count).map(schedule.learningRate(atStep:)) == naive)
    }
    #expect(schedule.addedLengths == added && schedule.firstLength == first.totalSteps)
  }

  @Test func edges() {
    #expect(LearningRateSchedule.linear(peak: 2, totalSteps: 1).learningRate(atStep: 1) == 2)
    // One step without warm-up is the end of the cosine, one step of warm-up is its peak.
    let cold = LearningRateSchedule.cosine(peak: 2, warmupFraction: 0, totalSteps: 1)
    #expect(cold.learningRate(atStep: 1) == 0)
    let warm = LearningRateSchedule.cosine(peak: 2, warmupFraction: 1, totalSteps: 1)
    #expect(warm.learningRate(atStep: 1) == 2)
    let onlyWarm = LearningRateSchedule.cosine(peak: 2, warmupFraction: 1, totalSteps: 4)
    #expect((1...4).map(onlyWarm.learningRate(atStep:)) == [0.5, 1, 1.5, 2])
    let noWarmup = LearningRateSchedule.cosine(peak: 2, warmupFraction: 0, totalSteps: 2)
    #expect(noWarmup.warmupSteps == 0)
    #expect(abs(noWarmup.learningRate(atStep: 1) - 1) < 1e-15)
    #expect(noWarmup.learningRate(atStep: 2) == 0)
  }
}
