// The speed of cached decoding, without sampling's input and output.

import GPTModel

enum Benchmark {
  /// Tokens a second over all streams. Texts that fill the context begin again.
  static func tokensPerSecond(_ model: PreparedModel, tokens: Int, streams: Int) -> Double {
    let decoder = Decoder(model: model, streamCount: streams, maximumRows: streams)
    var samplers = (0..<streams).map {
      Sampler(temperature: 0.8, seed: 1, sample: $0, vocabularySize: model.configuration.vocabularySize)
    }
    var rows = (0..<streams).map { Decoder.Row(stream: $0, token: 0) }
    let start = ContinuousClock.now
    for _ in 0..<tokens {
      for stream in 0..<streams where decoder.lengths[stream] == model.configuration.blockSize {
        decoder.reset(stream: stream)
      }
      decoder.advance(rows)
      for stream in 0..<streams {
        let token = samplers[stream].next(
          decoder.logits(row: stream), below: model.configuration.vocabularySize)
        rows[stream] = Decoder.Row(stream: stream, token: Int32(token))
      }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return Double(tokens * streams) / seconds
  }
}
