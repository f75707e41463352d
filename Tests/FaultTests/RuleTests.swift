// Rules behind the faults: which wishes are one, which state is the best, which faults there are.

import Foundation
import Platform
import ProcessSupport

import Testing

@testable import Checkpointing
@testable import RunFiles
@testable import Training

@Suite struct CheckpointWishesTests {
  /// Which of these wishes lead to a checkpoint.
  private func due(_ wishes: [(ranks: Set<Int>, step: Int, seconds: Double)]) -> [Bool] {
    var rule = CheckpointWishes()
    return wishes.map { rule.isDue(for: $0.ranks, step: $0.step, seconds: $0.seconds) }
  }

  /// One signal that reaches the ranks around a record, and milliseconds later.
  @Test func oneSignalIsOneWish() {
    #expect(due([([0, 2], 7, 100), ([1], 8, 130), ([], 9, 130)]) == [true, false, false])
    #expect(due([([1], 10, 160), ([0], 14, 160.5)]) == [true, false])
  }

  /// The same ranks again, though at once; other ranks, but later.
  @Test func aSecondSignalIsASecondWish() {
    #expect(due([([0, 1], 7, 100), ([0], 8, 100.1), ([1], 9, 100.2)]) == [true, true, false])
    #expect(due([([0], 7, 100), ([1], 20, 105)]) == [true, true])
  }
}

@Suite struct BestCheckpointTests {
  /// The state of the validation that made it the best, not whatever was saved next.
  @Test func theBestIsSavedWhenItIsFound() throws {
    let course = try Course()
    let job = try course.start(ranks: 1, ["--max-steps", "19", "--checkpoint-interval", "6"])
    #expect(job.end() == 0, "\(job.text)")
    let reader = ContainedReader(executable: Course.program)
    let best = try CheckpointFile.read("\(course.folder)/out/model.best.jld2", using: reader)
    #expect(best.training?.progress.step == 14)
    let expected = try Course.undisturbed.get().validations[14]
    #expect(best.training.map { "\($0.progress.bestValidationLoss)" } == expected)
  }
}

/// gpt-ddp knows no faults (ProgramsTests); the program of these tests takes none that it does not know.
@Suite struct FaultPlanTests {
  @Test(arguments: ["kill", "kill:rank=0", "kil:rank=0,step=1", "kill:rank=0,step=1,sep=2"])
  func malformedFaultsAreRefused(fault: String) throws {
    let job = try Course().start(ranks: 1, fault: fault)
    #expect(job.end() == ExitStatus.usage)
    #expect(job.errorLines.count == 1 && job.text.contains("is malformed; write KIND:rank=R"), "\(job.text)")
  }
}
