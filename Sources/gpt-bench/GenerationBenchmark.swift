// The speed of cached decoding.

import Dispatch
import GPTModel
import Platform

enum GenerationBenchmark {
  /// Tokens per second over all streams, which the threads share, several to a stream where there are more. Texts that fill the context start over.
  static func tokensPerSecond(_ model: PreparedModel, tokens: Int, streams: Int, threads: Int) -> Double {
    let (threads, each) = (min(threads, streams), max(1, threads / streams))
    let start = monotonicSeconds()
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      decode(
        model, tokens: tokens, samples: streams * thread / threads..<streams * (thread + 1) / threads,
        threads: each)
    }
    let seconds = monotonicSeconds() - start
    return Double(tokens * streams) / seconds
  }

  private static func decode(_ model: PreparedModel, tokens: Int, samples: Range<Int>, threads: Int) {
    let decoder = Decoder(
      model: model, streamCount: samples.count, maximumRows: samples.count, threads: threads)
    let vocabularySize = model.configuration.vocabularySize
    var samplers = samples.map {
      Sampler(temperature: 0.8, seed: 1, sample: $0, vocabularySize: vocabularySize)
    }
    var rows = samples.map { Decoder.Row(stream: $0 - samples.lowerBound, token: 0) }
    for _ in 0..<tokens {
      for stream in rows.indices where decoder.lengths[stream] == model.configuration.blockSize {
        decoder.reset(stream: stream)
      }
      decoder.advance(rows)
      for stream in rows.indices {
        let token = samplers[stream].next(decoder.logits(row: stream), below: vocabularySize)
        rows[stream] = Decoder.Row(stream: stream, token: Int32(token))
      }
    }
  }
}
