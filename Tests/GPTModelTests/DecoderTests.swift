// Cached decoding against the full forward pass, position by position.

import Kernels
import TestSupport
import Testing

@testable import GPTModel

@Suite struct DecoderTests {
  /// Logits (rows × V) of the full forward pass.
  private func fullLogits(_ model: PreparedModel, _ tokens: [Int32]) -> [Float] {
    let workspace = SequenceWorkspace(model.configuration)
    model.forward(tokens, rows: tokens.count, workspace)
    return workspace.copyLogits(rows: tokens.count)
  }

  /// Logits (rows × V) of one stream that takes `step` tokens at a time.
  private func cachedLogits(
    _ model: PreparedModel, _ tokens: [Int32], step: Int, threads: Int = 1
  ) -> [Float] {
    let decoder = Decoder(model: model, streamCount: 1, maximumRows: max(step, 1), threads: threads)
    return stride(from: 0, to: tokens.count, by: step).flatMap { first -> [Float] in
      let part = tokens[first..<min(first + step, tokens.count)]
      decoder.advance(part.map { Decoder.Row(stream: 0, token: $0) })
      return part.indices.flatMap { Array(decoder.logits(row: $0 - first)) }
    }
  }

  @Test(arguments: ModelCase.all) func everyPositionHasTheBitsOfTheFullForwardPass(_ sizes: ModelCase) throws
  {
    let model = try sizes.twin().model(.simd)
    var random = TestRandom(5)
    let tokens = random.tokens(sizes.T, vocabulary: sizes.V)
    let expected = fullLogits(model, tokens)
    for step in [1, 2, 5, 64] {
      expectSameBits(cachedLogits(model, tokens, step: step), expected, "logits, \(step) at a time")
    }
  }

  /// Wide enough for its threads to share rows; more threads than there are parts, too.
  @Test(arguments: [2, 3, 16]) func threadsThatShareARowChangeNoBit(threads: Int) throws {
    let sizes = ModelCase(V: 40, C: 288, L: 1, T: 12, H: 4, lengths: [])
    let model = try sizes.twin().model(.simd)
    try #require(model.blocks[0].expand.isWorthSharing)
    var random = TestRandom(7)
    let tokens = random.tokens(sizes.T, vocabulary: sizes.V)
    let expected = fullLogits(model, tokens)
    for step in [1, 3] {
      let found = cachedLogits(model, tokens, step: step, threads: threads)
      expectSameBits(found, expected, "logits of \(threads) threads, \(step) at a time")
    }
  }

  @Test(arguments: ModelCase.all) func withOpenBLASEveryPositionIsClose(_ sizes: ModelCase) throws {
    let twin = try sizes.twin()
    let model = twin.model(.openblas)
    var random = TestRandom(5)
    let tokens = random.tokens(sizes.T, vocabulary: sizes.V)
    let expected = twin.logits(tokens)
    expectClose(fullLogits(model, tokens), expected, tolerance: 1e-5, "logits of the full pass")
    for step in [1, 7] {
      expectClose(cachedLogits(model, tokens, step: step), expected, tolerance: 1e-5, "logits, by \(step)")
    }
  }

  @Test func streamsInLockstepHaveTheBitsOfStreamsAlone() throws {
    let sizes = ModelCase(V: 66, C: 32, L: 2, T: 33, H: 4, lengths: [])
    let model = try sizes.twin().model(.simd)
    var random = TestRandom(6)
    let texts = (0..<17).map { _ in random.tokens(1 + random.next(below: 33), vocabulary: 66) }
    let expected = texts.map { cachedLogits(model, $0, step: 1) }
    let decoder = Decoder(model: model, streamCount: 17)
    var found = [[Float]](repeating: [], count: 17)
    for position in 0..<(texts.map(\.count).max() ?? 0) {
      let streams = texts.indices.filter { position < texts[$0].count }
      decoder.advance(streams.map { Decoder.Row(stream: $0, token: texts[$0][position]) })
      for (row, stream) in streams.enumerated() { found[stream] += decoder.logits(row: row) }
    }
    for stream in texts.indices { expectSameBits(found[stream], expected[stream], "stream \(stream)") }
  }

  @Test func aResetStreamForgetsAndTheOthersDoNot() throws {
    let sizes = ModelCase(V: 11, C: 12, L: 2, T: 8, H: 4, lengths: [])
    let model = try sizes.twin().model(.simd)
    let expected = cachedLogits(model, [4, 5], step: 1)
    let decoder = Decoder(model: model, streamCount: 2)
    decoder.advance([.init(stream: 0, token: 1), .init(stream: 1, token: 4), .init(stream: 0, token: 9)])
    decoder.reset(stream: 0)
    decoder.advance([.init(stream: 0, token: 4), .init(stream: 1, token: 5), .init(stream: 0, token: 5)])
    #expect(decoder.lengths == [2, 2])
    expectSameBits(Array(decoder.logits(row: 1)), Array(expected.suffix(11)), "the other stream")
    expectSameBits(Array(decoder.logits(row: 2)), Array(expected.suffix(11)), "the reset stream")
  }
}
