// `--interactive`: the user types a line, the model goes on from it, and so on.

import CommandLineOptions
import GPTModel
import Glibc
import LineEditing
import Platform
import Synchronization

/// One conversation with a model. What stands on the screen is the text: a line that the user adds begins on a new one.
final class InteractiveSession {
  private let model: LoadedModel
  private let generator: Generator
  private var plan: SamplingPlan
  private let initialPlan: SamplingPlan
  private let resolvesEscapes: Bool
  /// Everything so far; empty at the beginning, and always for documents.
  private var text: String
  /// Texts that this seed has written: each has its own random numbers, as the samples of a seed.
  private var turn = 0
  private let editor: LineEditor

  /// - Throws: `InvalidInput` for a prompt or a stop that the model does not know.
  init(_ model: LoadedModel, _ plan: SamplingPlan, resolvesEscapes: Bool) throws {
    self.model = model
    self.plan = plan
    initialPlan = plan
    self.resolvesEscapes = resolvesEscapes
    text = ""
    generator = Generator(model: model.model, tokenizer: model.tokenizer, threads: plan.threads)
    _ = try generator.startTokens(plan.request(for: model))
    editor = LineEditor(
      prompt: "> ", wayOut: "Ctrl-D or :quit ends the program",
      history: LineHistory(path: LineHistory.pathOfUser))
  }

  /// Returns when the user has had enough.
  func run() throws {
    if editor.isEditing {
      StandardStream.error.line(
        "note: \(model.path), \(model.stateWords); :help says what can be typed, Ctrl-D ends")
    }
    if let prompt = plan.prompt {
      var writer = TextWriter()
      writer.write(prompt)
      writer.flush()
      try go(on: prompt)
    }
    while true {
      switch try editor.read() {
      case .end: return
      case .line(let line):
        do {
          if try answer(line) { return }
        } catch let refusal as InvalidInput where editor.isEditing {
          // Typed by hand: said, and nothing is lost.
          StandardStream.error.line("error: \(refusal)")
        }
      }
    }
  }

  /// - Returns: whether the user wants to leave.
  private func answer(_ line: String) throws -> Bool {
    if line.hasPrefix(":"), !line.hasPrefix("::") {
      switch try InteractiveCommand(line) {
      case .quit: return true
      case .help: try StandardStream.output.document(InteractiveCommand.summary)
      case .reset:
        text = ""
        turn = 0
        plan = initialPlan
      case .temperature(let value): plan.rules.temperature = value
      case .seed(let seed):
        plan.seed = seed
        turn = 0
      case .characters(let count): plan.maximumCharacters = count
      }
      return false
    }
    let typed = line.hasPrefix("::") ? String(line.dropFirst()) : line
    try go(on: resolvesEscapes ? PromptText.resolvingEscapes(typed, in: "the line") : typed)
    return false
  }

  /// Writes how the text goes on after `addition`, and keeps both.
  private func go(on addition: String) throws {
    var request = plan.request(for: model)
    let hasNewline = model.tokenizer.id(of: "\n") != nil
    switch model.workflow {
    case .documents: request.prompt = addition
    case .chunks:
      let isNewLine = !text.isEmpty && !addition.isEmpty && text.unicodeScalars.last != "\n" && hasNewline
      let whole = text + (isNewLine ? "\n" : "") + addition
      request.prompt = whole.isEmpty ? nil : whole
    }
    _ = try generator.startTokens(request)
    let written = Mutex(String.UnicodeScalarView())
    let writer = Mutex(TextWriter())
    let interruption = try Interruptions()
    defer { interruption.end() }
    // Its random numbers are those of the sample with this number.
    try generator.generate(request, samples: turn..<turn + 1, isCancelled: { Interruptions.isRequested }) {
      guard case .character(let scalar, _) = $1 else { return }
      written.withLock { $0.append(scalar) }
      writer.withLock { $0.write(String(Character(scalar))) }
    }
    turn += 1
    let new = written.withLock { $0 }
    if new.last != "\n" { writer.withLock { $0.write("\n") } }
    writer.withLock { $0.flush() }
    if model.workflow == .chunks { text = (request.prompt ?? "") + String(new) }
  }
}

/// What a line that begins with a colon asks for.
enum InteractiveCommand: Equatable {
  case help, quit, reset
  case temperature(Double)
  case seed(UInt64)
  case characters(Int)

  static let summary = """
    Type a line: the text goes on from it. An empty line: it just goes on.
      Ctrl-C      stops the text, or clears the line
      Ctrl-D      ends the program, as :quit
      :temp 0.8   another temperature
      :seed 7     another seed, or random
      :chars 200  characters at a time
      :reset      forget the text, and what was set here
      ::text      a line that begins with a colon
    Keys: arrows, Home, End, Ctrl-A E B F; Ctrl-K U W cut, Ctrl-Y inserts;
    Ctrl-L clears the screen
    """

  /// - Throws: `InvalidInput` naming what there is.
  init(_ line: String) throws {
    let words = line.split(separator: " ").map(String.init)
    let name = words.first ?? ":"
    let value = words.count == 2 ? words[1] : nil
    switch (name, words.count) {
    case (":help", 1), (":h", 1), (":?", 1): self = .help
    case (":quit", 1), (":q", 1), (":exit", 1): self = .quit
    case (":reset", 1): self = .reset
    case (":temp", _), (":temperature", _):
      guard let number = value.flatMap(Double.init), (0...100).contains(number) else {
        throw InvalidInput("\(name) takes a number from 0 to 100, \(name) 0.8")
      }
      self = .temperature(number)
    case (":seed", _):
      guard let value else { throw InvalidInput(":seed takes a whole number, or random") }
      let choice = try SeedChoice.of(value)
      if choice.isDrawn { StandardStream.error.line("note: --seed \(choice.seed)") }
      self = .seed(choice.seed)
    case (":chars", _):
      guard let count = value.flatMap({ Int($0) }), (1...1_000_000_000).contains(count) else {
        throw InvalidInput(":chars takes a whole number from 1 to 1000000000")
      }
      self = .characters(count)
    default:
      throw InvalidInput(
        "there is no \(quoted(line)); allowed: :help, :quit, :reset, :temp, :seed, :chars; :: begins a line with a colon"
      )
    }
  }
}

/// Ctrl-C while a text is written: a wish that it ends, not the program.
private final class Interruptions {
  private static let requested = Atomic<Bool>(false)
  private var previous = sigaction()

  static var isRequested: Bool { requested.load(ordering: .relaxed) }

  init() throws {
    Self.requested.store(false, ordering: .relaxed)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in Interruptions.requested.store(true, ordering: .relaxed) }
    action.sa_flags = SA_RESTART
    sigaction(SIGINT, &action, &previous)
  }

  func end() { sigaction(SIGINT, &previous, nil) }
}
