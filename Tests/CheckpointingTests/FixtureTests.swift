// Formats are frozen: the committed files must load for ever, with exactly these values.

import CheckpointSupport
import Foundation
import GPTModel
import Testing
import TrainingState

@testable import Checkpointing

@Suite struct FixtureTests {
  /// What the fixtures hold: a model of three characters, resumable.
  private static func content() throws -> TrainingSnapshot {
    try Samples.snapshot(characters: "abc", embeddingSize: 4, layerCount: 1, blockSize: 4)
  }

  /// The first format knew neither kernels nor the spread of the initial weights, nor features.
  @Test func formatOneLoadsForEver() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    let loaded = try CheckpointFile.read("\(Samples.fixtures)/format-1.jld2", using: reader)
    var content = try Self.content()
    content.training?.guesses = ["kernels/family", "config/init_std"]
    content.training?.kernelFamily = ""
    content.training?.configuration.initialDeviation = 0.08
    content.training?.initialCheckpoint = ""
    content.training?.progress.isCompared = true
    expectEqual(loaded, content)
    #expect(loaded.training?.configuration == content.training?.configuration)
    #expect(loaded.training?.guesses == content.training?.guesses)
  }

  @Test func formatTwoLoadsForEver() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    let loaded = try CheckpointFile.read("\(Samples.fixtures)/format-2.jld2", using: reader)
    expectEqual(loaded, try Self.content())
    #expect(loaded.training?.configuration == (try Self.content()).training?.configuration)
    #expect(loaded.training?.guesses == [])
  }

  /// Written by h5py from the file above (scripts/load_checkpoint.py --copy-weights): another superblock, no
  /// envelope, no digest, only what sampling needs.
  @Test func weightsWrittenByPythonLoad() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    var content = try Self.content()
    content.training = nil
    expectEqual(try CheckpointFile.read("\(Samples.fixtures)/h5py.h5", using: reader), content)
  }
}
