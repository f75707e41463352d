// From a snapshot to the values of a file and back, with all checks of those values. Messages here name the
// dataset; the caller adds the file and the remedy.

import Platform
import GPTModel
import Kernels
import TrainingState

extension CheckpointSchema {
  /// How `tokenizer/itos` spells BOS, and U+0000, which would end a C string.
  static let bosText = "<BOS>"
  static let nulText = "<NUL>"

  /// All values of a snapshot in file order, without tensors and empty values.
  package static func values(of snapshot: TrainingSnapshot) -> [(path: String, value: StateValue)] {
    let configuration = snapshot.configuration
    let tokenizer = snapshot.tokenizer
    var values: [(path: String, value: StateValue)] = [
      ("format", .string(formatName)),
      ("format_version", .integer(version)),
      ("features", .strings(snapshot.training?.features ?? [])),
      ("config/vocab_size", .integer(configuration.vocabularySize)),
      ("config/n_embd", .integer(configuration.embeddingSize)),
      ("config/n_layer", .integer(configuration.layerCount)),
      ("config/block_size", .integer(configuration.blockSize)),
      ("config/n_head", .integer(configuration.headCount)),
      ("tokenizer/itos", .strings(tokenizer.scalars.map(text) + [bosText])),
      ("tokenizer/codepoints", .integers(tokenizer.scalars.map { Int($0.value) } + [-1])),
      ("tokenizer/vocab_size", .integer(tokenizer.vocabularySize)),
      // Julia counts from 1.
      ("tokenizer/bos_id", .integer(tokenizer.bosID + 1)),
    ]
    if let training = snapshot.training {
      // A guess is not saved as a fact.
      let left = training.guesses.union(values.map(\.path))
      values += TrainingState.fields.filter { !left.contains($0.path) }.map {
        ($0.path, $0.value(in: training))
      }
    }
    return values.filter { !$0.value.isEmpty }
  }

  private static func text(_ scalar: Unicode.Scalar) -> String {
    scalar.value == 0 ? nulText : String(Character(scalar))
  }

  /// What the values say about the model, checked before anything that large is allocated.
  struct Model {
    let configuration: GPTConfiguration
    let tokenizer: CharacterTokenizer
    /// Nil for a file that cannot be resumed. Its moments are not read yet.
    let training: TrainingState?
    let momentRoots: [String]
    /// Weights and moments.
    var setCount: Int { 1 + momentRoots.count }
  }

  /// - Throws: `InvalidInput` for another format, or a file that needs features this program does not know.
  static func checkVersion(_ values: [String: StateValue]) throws {
    guard case .string(formatName)? = values["format"] else {
      throw InvalidInput("/format does not say \(formatName)")
    }
    let fileVersion = try integer("format_version", in: values)
    guard fileVersion >= 1 else {
      throw InvalidInput("it has format version \(fileVersion), which never existed")
    }
    guard case .strings(let features)? = values["features"] else { return }
    let known = Set(TrainingState.fields.map(\.path))
    let unknown = features.filter { !known.contains($0) }
    guard unknown.isEmpty else {
      throw InvalidInput(
        "it needs \(StateField.shortened(unknown.joined(separator: ", "))) (format version \(fileVersion)), "
          + "which this program (up to \(version)) does not know: use a newer program")
    }
  }

  /// The floats of a model take at most this many times the bytes of the file, however well it is compressed; checked before
  /// memory for them is allocated.
  static let largestCompression = 64

  /// - Parameter sets: the weights, plus the optimizer's moments.
  static func checkSize(_ table: ParameterTable, sets: Int, fileSize: Int) throws {
    let bytes = table.parameterCount * sets * 4
    guard bytes / largestCompression <= fileSize else {
      throw InvalidInput(
        "the sizes in its config ask for \(bytes) bytes of weights, but the file has \(fileSize) bytes")
    }
  }

  /// - Throws: `InvalidInput` for another format, a newer version, impossible sizes, a bad alphabet.
  static func model(from values: [String: StateValue]) throws -> Model {
    try checkVersion(values)
    let configuration = try GPTConfiguration(
      vocabularySize: integer("config/vocab_size", in: values),
      embeddingSize: integer("config/n_embd", in: values),
      layerCount: integer("config/n_layer", in: values),
      blockSize: integer("config/block_size", in: values),
      headCount: integer("config/n_head", in: values))
    let tokenizer = try tokenizer(from: values)
    guard tokenizer.vocabularySize == configuration.vocabularySize else {
      throw InvalidInput(
        "/config/vocab_size is \(configuration.vocabularySize), but /tokenizer has "
          + "\(tokenizer.vocabularySize) entries")
    }
    guard values[trainingMark] != nil else {
      return Model(configuration: configuration, tokenizer: tokenizer, training: nil, momentRoots: [])
    }
    let training = try training(configuration, from: values)
    let optimizer = Optimizers.named(training.configuration.optimizer)
    return Model(
      configuration: configuration, tokenizer: tokenizer, training: training,
      momentRoots: optimizer.map(momentRoots) ?? [])
  }

  private static func training(
    _ model: GPTConfiguration, from values: [String: StateValue]
  ) throws -> TrainingState {
    var configuration = TrainingConfiguration()
    configuration.model = model
    var state = TrainingState(configuration: configuration, moments: [])
    for field in TrainingState.fields { try field.set(&state, from: values[field.path]) }
    try state.checkRelations()
    return state
  }

  private static func tokenizer(from values: [String: StateValue]) throws -> CharacterTokenizer {
    var codepoints: [Int]?
    if case .integers(let stored)? = values["tokenizer/codepoints"] { codepoints = stored }
    if case .strings(let texts)? = values["tokenizer/itos"] {
      let spelled = try codepointsOf(texts)
      if let codepoints, codepoints != spelled {
        throw InvalidInput("/tokenizer/itos and /tokenizer/codepoints contradict each other")
      }
      codepoints = spelled
    }
    guard let codepoints else { throw InvalidInput("/tokenizer has neither itos nor codepoints") }
    let tokenizer = try tokenizer(codepoints: codepoints)
    for (path, expected) in [
      ("tokenizer/vocab_size", tokenizer.vocabularySize), ("tokenizer/bos_id", tokenizer.bosID + 1),
    ] {
      if case .integer(let stored)? = values[path], stored != expected {
        throw InvalidInput("/\(path) is \(stored), but the alphabet makes it \(expected)")
      }
    }
    return tokenizer
  }

  /// One character each, BOS last.
  static func codepointsOf(_ texts: [String]) throws -> [Int] {
    try texts.enumerated().map { index, text in
      if text == bosText && index == texts.count - 1 { return -1 }
      if text == nulText { return 0 }
      let scalars = text.unicodeScalars
      guard scalars.count == 1, let scalar = scalars.first else {
        throw InvalidInput("entry \(index + 1) of the alphabet is not one character")
      }
      return Int(scalar.value)
    }
  }

  /// - Parameter codepoints: ascending, then -1 for BOS.
  static func tokenizer(codepoints: [Int]) throws -> CharacterTokenizer {
    guard codepoints.count >= 2, codepoints.last == -1 else {
      throw InvalidInput("the alphabet does not end with \(bosText)")
    }
    let scalars = try codepoints.dropLast().map { codepoint in
      guard let value = UInt32(exactly: codepoint), let scalar = Unicode.Scalar(value) else {
        throw InvalidInput("the alphabet holds \(codepoint), which is not a Unicode character")
      }
      return scalar
    }
    guard zip(scalars, scalars.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw InvalidInput("the alphabet is not in ascending order of its code points")
    }
    return CharacterTokenizer(scalars: scalars)
  }

  /// A snapshot with its tensors still zero.
  static func emptySnapshot(_ model: Model, _ table: ParameterTable) -> TrainingSnapshot {
    var training = model.training
    training?.moments = model.momentRoots.map { _ in FloatArena(count: table.arenaCount) }
    return TrainingSnapshot(
      configuration: model.configuration, tokenizer: model.tokenizer,
      weights: FloatArena(count: table.arenaCount), training: training)
  }

  /// - Throws: `InvalidInput` naming the first tensor with a NaN or an infinity.
  static func checkFinite(_ tensors: [CheckpointTensor]) throws {
    for tensor in tensors {
      if let index = firstNonFinite(UnsafeBufferPointer(start: tensor.base, count: tensor.count)) {
        throw InvalidInput("/\(tensor.path) holds \(tensor.base[index]) at element \(index)")
      }
    }
  }

  /// - Throws: `InvalidInput` if the weights are not those that were saved.
  static func checkWeightsHash(_ snapshot: TrainingSnapshot, _ table: ParameterTable) throws {
    guard let stated = snapshot.training?.progress.weightsHash, !stated.isEmpty else { return }
    let actual = table.weightsHash(of: snapshot.weights)
    guard stated == actual else {
      throw InvalidInput("its weights have the hash \(actual), but /progress/weights_hash is \(stated)")
    }
  }

  static func firstNonFinite(_ floats: UnsafeBufferPointer<Float>) -> Int? {
    // x·0 is 0 for finite x and NaN otherwise, so one vector sum tells whether to look closer.
    var sum = SIMD16<Float>.zero
    let words = UnsafeRawBufferPointer(floats)
    var index = 0
    while index + 16 <= floats.count {
      sum += words.loadUnaligned(fromByteOffset: index * 4, as: SIMD16<Float>.self) * 0
      index += 16
    }
    let isFinite = sum == .zero && floats[index...].allSatisfy(\.isFinite)
    return isFinite ? nil : floats.firstIndex { !$0.isFinite }
  }

  private static func integer(_ path: String, in values: [String: StateValue]) throws -> Int {
    guard case .integer(let value)? = values[path] else {
      throw InvalidInput("/\(path) is missing or not a whole number")
    }
    return value
  }
}
