// What gpt-sample is asked to do, and which options say something about it: one that says nothing is refused, because
// somebody meant something by it.

import CommandLineOptions
import Platform

enum SamplerTask: CaseIterable {
  case sample, interactive, follow, score, list, prune, inspect, verify, diff

  /// The option that asks for it; nil for what is done unless another is asked for.
  private var option: (any DeclaredOption)? {
    switch self {
    case .sample: nil
    case .interactive: SamplerOptions.interactive
    case .follow: SamplerOptions.follow
    case .score: SamplerOptions.score
    case .list: SamplerOptions.list
    case .prune: SamplerOptions.prune
    case .inspect: SamplerOptions.inspect
    case .verify: SamplerOptions.verify
    case .diff: SamplerOptions.diff
    }
  }

  /// The other options that it takes.
  private var takes: [any DeclaredOption] {
    typealias O = SamplerOptions
    let model: [any DeclaredOption] = [O.checkpoint, O.folder, O.newest, O.threads]
    let rules: [any DeclaredOption] = [
      O.temperature, O.topK, O.topP, O.minP, O.repeatPenalty, O.repeatLastCount, O.seed, O.stop, O.escapes,
      O.maximumCharacters, O.context,
    ]
    let prompts: [any DeclaredOption] = [O.prompt, O.promptFile]
    return switch self {
    case .sample, .follow: model + rules + prompts + [O.sampleCount, O.raw, O.json]
    case .interactive: model + rules + prompts
    case .score: model + [O.stride, O.json]
    case .list: [O.folder, O.json]
    case .prune: [O.folder, O.keep, O.yes]
    case .inspect, .verify, .diff: [O.json]
    }
  }

  /// - Throws: `InvalidInput` if more than one is asked for, or an option says nothing about it.
  init(_ options: ParsedOptions) throws {
    let asked = Self.allCases.filter { $0.option.map { options.isGiven($0) } ?? false }
    if asked.count > 1, let first = asked[0].option, let second = asked[1].option {
      throw InvalidInput("--\(first.name) and --\(second.name) exclude each other; give one of them")
    }
    self = asked.first ?? .sample
    let known = Set((takes + [option].compactMap { $0 }).map(\.name))
    for section in SamplerOptions.syntax.sections {
      for other in section.options
      where !known.contains(other.name) && !["help", "version"].contains(other.name) && options.isGiven(other)
      {
        throw refusal(of: other)
      }
    }
    try options.atMostOne(of: SamplerOptions.prompt, SamplerOptions.promptFile)
    try options.atMostOne(of: SamplerOptions.raw, SamplerOptions.json)
    try options.atMostOne(of: SamplerOptions.checkpoint, SamplerOptions.newest)
    try options.atMostOne(of: SamplerOptions.checkpoint, SamplerOptions.folder)
  }

  private func refusal(of other: any DeclaredOption) -> InvalidInput {
    let takers = Self.allCases.filter { task in task.takes.contains { $0.name == other.name } }
    let names = takers.compactMap { $0.option.map { "--\($0.name)" } }
    if self == .sample, !takers.contains(.sample) {
      return InvalidInput(
        "--\(other.name) belongs to \(names.joined(separator: " and ")), which is not given")
    }
    let own = option.map { "--\($0.name)" } ?? "writing samples"
    return InvalidInput("--\(other.name) says nothing about \(own); leave it out")
  }
}
