// Format version 1 is frozen: the committed file must load for ever, with exactly these values.

import Foundation
import GPTModel
import Testing

@testable import Checkpointing

@Suite struct FixtureTests {
  private static let path = "\(Samples.fixtures)/format-1.jld2"

  /// What the fixture holds: a model of three characters, resumable.
  private static func content() throws -> TrainingSnapshot {
    try Samples.snapshot(characters: "abc", embeddingSize: 4, layerCount: 1, blockSize: 4)
  }

  @Test func formatOneLoadsForEver() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    expectEqual(try CheckpointFile.read(Self.path, using: reader), try Self.content())
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
