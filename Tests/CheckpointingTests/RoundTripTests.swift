// What is saved is what is loaded, and the same state gives the same bytes.

import CheckpointSupport
import GPTModel
import Testing
import TrainingState

@testable import Checkpointing

@Suite struct RoundTripTests {
  @Test(arguments: [true, false]) func everyValueSurvives(isResumable: Bool) throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    let snapshot = try Samples.snapshot(isResumable: isResumable)
    try Samples.withFolder { folder in
      let path = "\(folder)/new/folders/model.jld2"
      try CheckpointFile.write(snapshot, to: path)
      expectEqual(try CheckpointFile.read(path, using: reader), snapshot)
    }
  }

  /// As many moments as the optimizer has, under its own keys.
  @Test func anotherOptimizerHasOtherMoments() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    var snapshot = try Samples.snapshot()
    snapshot.training?.configuration.optimizer = MomentumOptimizer.name
    snapshot.training?.moments.removeLast()
    try Samples.withFolder { folder in
      try CheckpointFile.write(snapshot, to: "\(folder)/model.jld2")
      let loaded = try CheckpointFile.read("\(folder)/model.jld2", using: reader)
      expectEqual(loaded, snapshot)
      #expect(loaded.training?.moments.count == 1)
      // And as bytes, for the other ranks.
      expectEqual(try TrainingSnapshot(serialized: loaded.serialized()), snapshot)
    }
  }

  @Test func twoSavesAreByteIdentical() throws {
    try Samples.withFolder { folder in
      try CheckpointFile.write(Samples.snapshot(), to: "\(folder)/a.jld2")
      try CheckpointFile.write(Samples.snapshot(), to: "\(folder)/b.jld2")
      #expect(try Samples.bytes("\(folder)/a.jld2") == Samples.bytes("\(folder)/b.jld2"))
    }
  }

  /// 10 MB: weights and moments of 836,096 parameters. The bound leaves room for a busy machine.
  @Test func defaultStateLoadsInTime() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    let snapshot = try Samples.defaultSize()
    try Samples.withFolder { folder in
      let path = "\(folder)/model.jld2"
      try CheckpointFile.write(snapshot, to: path)
      var best = Duration.seconds(60)
      for _ in 0..<5 {
        var loaded: TrainingSnapshot?
        best = min(
          best, try ContinuousClock().measure { loaded = try CheckpointFile.read(path, using: reader) })
        expectEqual(try #require(loaded), snapshot)
      }
      #expect(best < .milliseconds(250))
    }
  }
}
