// Genuine checkpoints of the Julia program, from a file with their object graph (scripts/make_julia_fixture.py).

import CheckpointSupport
import GPTModel
import Testing

@testable import Checkpointing

@Suite struct JuliaCheckpointTests {
  @Test func everyWeightAndCharacterIsWhereJuliaPutIt() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    let snapshot = try CheckpointFile.read("\(Samples.fixtures)/julia.jld2", using: reader)
    #expect(
      try snapshot.configuration
        == GPTConfiguration(
          vocabularySize: 4, embeddingSize: 4, layerCount: 2, blockSize: 3, headCount: 2))
    #expect(snapshot.tokenizer.scalars == ["\n", "a", "b"])
    #expect(snapshot.training == nil)
    // The fixture counts up in steps of 1/1024 through the whole table.
    var expected: Float = 0
    for entry in ParameterTable(snapshot.configuration).entries {
      for index in entry.range {
        try #require(snapshot.weights.base[index] == expected, "\(entry.path)")
        expected += 0x1p-10
      }
    }
    #expect(expected == 428 * 0x1p-10)
  }
}
