// Samples for programs: a JSON object a line, in order, each as soon as those before it are complete.

import Glibc
import GPTModel
import Platform
import Synchronization

final class SampleRecords: Sendable {
  private struct Sample {
    var characters: [Unicode.Scalar] = []
    var logProbabilities: [Double] = []
    var end: GenerationEnd?
  }

  private struct State {
    var samples: [Int: Sample] = [:]
    var next = 0
  }

  private let state = Mutex(State())
  private let model: LoadedModel
  private let seed: UInt64
  private let prompt: String

  init(_ model: LoadedModel, seed: UInt64, prompt: String) {
    self.model = model
    self.seed = seed
    self.prompt = prompt
  }

  /// From any thread; the events of one sample in order.
  func report(_ event: GenerationEvent, of sample: Int) {
    state.withLock { state in
      switch event {
      case .character(let scalar, let logProbability):
        state.samples[sample, default: Sample()].characters.append(scalar)
        state.samples[sample]?.logProbabilities.append(logProbability)
      case .end(let reason):
        state.samples[sample, default: Sample()].end = reason
        while let finished = state.samples[state.next], finished.end != nil {
          write(finished, number: state.next + 1)
          state.samples[state.next] = nil
          state.next += 1
        }
      }
    }
  }

  private func write(_ sample: Sample, number: Int) {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: sample.characters)
    let object = JSONText.object(
      [
        ("sample", .integer(number)), ("seed", .integer(Int(seed))), ("prompt", .string(prompt)),
        ("text", .string(String(text))), ("end", .string(sample.end?.rawValue ?? "")),
        ("characters", .array(sample.characters.map { .string(String(Character($0))) })),
        ("log_probabilities", .array(sample.logProbabilities.map { .real($0) })),
        ("log_probability", .real(sample.logProbabilities.reduce(0, +))),
      ] + model.facts)
    JSONLines.write(object)
  }
}

enum JSONLines {
  /// Ends the program if nobody can take what it was asked for.
  static func write(_ object: JSONText) {
    let bytes = Array((object.compactText + "\n").utf8)
    if let error = bytes.withUnsafeBytes({ writeFully(STDOUT_FILENO, $0).error }) {
      StandardStream.error.line("error: cannot write the samples: \(systemError(error))")
      Surroundings.end(ExitStatus.failure)
    }
  }
}
