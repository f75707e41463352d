// What the options say about the texts to write, checked before a model is read.

import CommandLineOptions
import GPTModel
import Platform

struct SamplingPlan: Sendable {
  var prompt: String?
  let stops: [String]
  var rules = SamplingRules()
  var maximumCharacters: Int
  let keptCharacters: Int
  var seed: UInt64
  let sampleCount: Int
  let threads: Int
  let isRaw: Bool
  let isJSON: Bool

  /// - Parameter sampleCount: where the user has given none.
  /// - Throws: `InvalidInput` naming the option.
  init(_ options: ParsedOptions, sampleCount defaultCount: Int) throws {
    let chosen = try SeedChoice.of(options[SamplerOptions.seed])
    seed = chosen.seed
    keptCharacters = try Self.keptCharacters(options[SamplerOptions.context])
    stops = try PromptText.stops(options)
    rules.temperature = options[SamplerOptions.temperature]
    rules.topK = options[SamplerOptions.topK]
    rules.topP = options[SamplerOptions.topP]
    rules.minP = options[SamplerOptions.minP]
    rules.repeatPenalty = options[SamplerOptions.repeatPenalty]
    rules.repeatLastCount = options[SamplerOptions.repeatLastCount]
    maximumCharacters = options[SamplerOptions.maximumCharacters]
    sampleCount = options[SamplerOptions.sampleCount] ?? defaultCount
    // A training that is followed needs its processors.
    threads =
      options[SamplerOptions.threads] ?? (options[SamplerOptions.follow] ? 1 : Machine.usableProcessorCount)
    isRaw = options[SamplerOptions.raw]
    isJSON = options[SamplerOptions.json]
    prompt = try PromptText.of(options)
    if chosen.isDrawn { StandardStream.error.line("note: --seed \(seed)") }
  }

  /// - Throws: `InvalidInput` for anything else than `keep=N`.
  static func keptCharacters(_ text: String?) throws -> Int {
    guard let text else { return 0 }
    guard text.hasPrefix("keep="), let count = Int(text.dropFirst("keep=".count)), count >= 0 else {
      throw InvalidInput(
        "--context \(quoted(text)) is unknown; allowed: keep=N, N characters from 0 to the context less 1")
    }
    return count
  }

  func request(for model: LoadedModel) -> GenerationRequest {
    var request = GenerationRequest(workflow: model.workflow)
    request.prompt = prompt
    request.rules = rules
    request.maximumCharacters = maximumCharacters
    request.stops = stops
    request.keptCharacters = keptCharacters
    request.seed = seed
    request.hasLogProbabilities = isJSON
    return request
  }

  /// Writes all samples of a model to standard output.
  ///
  /// - Parameter heading: of a sample, by its number from 1.
  /// - Throws: `InvalidInput` before anything is written.
  func write(from model: LoadedModel, heading: @escaping @Sendable (Int) -> String) throws {
    let request = request(for: model)
    let generator = Generator(model: model.model, tokenizer: model.tokenizer, threads: threads)
    _ = try generator.startTokens(request)
    if isJSON {
      let records = SampleRecords(model, seed: seed, prompt: prompt ?? "")
      try generator.generate(request, samples: 0..<sampleCount) { records.report($1, of: $0) }
    } else {
      let output = SampleOutput(
        count: sampleCount, prompt: prompt ?? "", heading: isRaw ? nil : heading)
      try generator.generate(request, samples: 0..<sampleCount) { output.report($1, of: $0) }
    }
  }
}
