// Weights and alphabet of a checkpoint that MicroGPT.jl wrote with JLD2. Members are found by name; missing
// sizes are taken from the weights; anything else is ignored.

import CHDF5
import Platform
import GPTModel
import Kernels
import TrainingState

struct JuliaCheckpoint {
  private let reader: CheckpointReader
  private let objects: JuliaObjects

  init(reader: CheckpointReader) {
    self.reader = reader
    objects = JuliaObjects(reader: reader)
  }

  /// - Returns: a snapshot without training state, which MicroGPT.jl does not save.
  func snapshot() throws -> TrainingSnapshot {
    guard try reader.has("model_state"), try reader.has("tokenizer") else {
      throw InvalidInput("it is HDF5, but not a GPT checkpoint: it has neither /format nor /model_state")
    }
    let tokenizer = try tokenizer()
    let state = try objects.record(objects.value(at: "model_state"), "/model_state")
    let blocks = try objects.list(state["blocks"], "model_state.blocks").enumerated().map {
      try objects.record($0.element, "block \($0.offset + 1)")
    }
    let configuration = try configuration(state, blocks)
    guard tokenizer.vocabularySize == configuration.vocabularySize else {
      throw InvalidInput(
        "its vocab_size is \(configuration.vocabularySize), but its tokenizer has "
          + "\(tokenizer.vocabularySize) entries")
    }
    let table = ParameterTable(configuration)
    try CheckpointSchema.checkSize(table, sets: 1, fileSize: reader.fileSize)
    let weights = FloatArena(count: table.arenaCount)
    for entry in table.entries {
      let dataset = try weight(layer(entry.path, state, blocks), entry.path)
      let dimensions = try CheckpointReader.dimensions(dataset, entry.path)
      guard dimensions == [entry.rows, entry.columns] else {
        throw InvalidInput(
          "\(entry.path) has shape \(CheckpointReader.shape(dimensions)), but its sizes ask for "
            + "\(entry.rows)×\(entry.columns)")
      }
      try HDF5.check(
        H5Dread(dataset.id, chdf5_native_float(), 0, 0, 0, weights.base + entry.offset),
        "H5Dread of \(entry.path)")
    }
    return TrainingSnapshot(configuration: configuration, tokenizer: tokenizer, weights: weights)
  }

  /// Sizes from MicroGPT.jl's dictionary, or from the weights where it says nothing.
  private func configuration(
    _ state: [String: JuliaValue], _ blocks: [[String: JuliaValue]]
  ) throws -> GPTConfiguration {
    var stored: [String: JuliaValue] = [:]
    if try reader.has("config") { stored = try objects.dictionary(objects.value(at: "config"), "/config") }
    func size(_ name: String, otherwise: () throws -> Int) throws -> Int {
      guard let value = stored[name] else { return try otherwise() }
      guard case .integer(let size) = try objects.resolve(value, name) else {
        throw InvalidInput("\(name) of its config is not a whole number")
      }
      return size
    }
    func dimension(_ name: String, _ axis: Int) throws -> Int {
      let dimensions = try CheckpointReader.dimensions(weight(layer(name, state, blocks), name), name)
      guard dimensions.count == 2 else { throw InvalidInput("\(name) is not a matrix") }
      return dimensions[axis]
    }
    return try GPTConfiguration(
      vocabularySize: size("vocab_size") { try dimension("wte", 0) },
      embeddingSize: size("n_embd") { try dimension("wte", 1) },
      layerCount: size("n_layer") { blocks.count },
      blockSize: size("block_size") { try dimension("wpe", 0) },
      headCount: size("n_head") {
        guard case .integer(let count)? = blocks.first?["n_head"] else {
          throw InvalidInput("n_head is neither in its config nor in its blocks")
        }
        return count
      })
  }

  /// The record of one layer. - Parameter path: as in `ParameterTable.Entry`.
  private func layer(
    _ path: String, _ state: [String: JuliaValue], _ blocks: [[String: JuliaValue]]
  ) throws -> [String: JuliaValue] {
    let parts = path.split(separator: "/")
    guard parts.count == 3, let number = Int(parts[1]) else {
      return try objects.record(state[path], "model_state.\(path)")
    }
    guard number <= blocks.count else { throw InvalidInput("it has only \(blocks.count) blocks") }
    return try objects.record(blocks[number - 1][String(parts[2])], path)
  }

  private func weight(_ layer: [String: JuliaValue], _ name: String) throws -> HDF5Handle {
    // Flux stores false for no bias; an array would be a bias, which this model cannot hold.
    if case .reference(let address)? = layer["bias"], address != 0,
      try CheckpointReader.typeClass(reader.open(at: address, "bias"), "bias") == H5T_FLOAT
    {
      throw InvalidInput("\(name) has a bias, and this model has none")
    }
    guard case .reference(let address)? = layer["weight"] else {
      throw InvalidInput("\(name) has no weight")
    }
    let dataset = try reader.open(at: address, name)
    guard try CheckpointReader.typeClass(dataset, name) == H5T_FLOAT else {
      throw InvalidInput("\(name) does not hold floating-point numbers")
    }
    return dataset
  }

  /// From `itos`, a dictionary from ids (from 1) or a vector, or from `stoi`, its inverse.
  private func tokenizer() throws -> CharacterTokenizer {
    let stored = try objects.dictionary(objects.value(at: "tokenizer"), "/tokenizer")
    var texts: [Int: String] = [:]
    if let itos = stored["itos"] {
      switch try objects.resolve(itos, "itos") {
      case .list(let entries):
        for (index, entry) in entries.enumerated() {
          if case .text(let text) = try objects.resolve(entry, "itos") { texts[index + 1] = text }
        }
      case let dictionary:
        for case (.integer(let id), let entry) in try objects.pairs(dictionary, "itos") {
          if case .text(let text) = try objects.resolve(entry, "itos") { texts[id] = text }
        }
      }
    } else {
      for case (.text(let text), let id) in try objects.pairs(stored["stoi"], "stoi") {
        if case .integer(let id) = try objects.resolve(id, "stoi") { texts[id] = text }
      }
    }
    let ordered = (1...max(1, texts.count)).compactMap { texts[$0] }
    guard !texts.isEmpty, ordered.count == texts.count else {
      throw InvalidInput("the ids of its tokenizer are not 1 to \(texts.count)")
    }
    return try CheckpointSchema.tokenizer(codepoints: CheckpointSchema.codepointsOf(ordered))
  }
}
