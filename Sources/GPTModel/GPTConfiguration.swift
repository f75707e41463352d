// The five sizes that define a model, and their limits.

import Platform

/// Sizes of a GPT. Legend used throughout: V vocabulary, C embedding, L layers, T block, H heads, D = C / H.
public struct GPTConfiguration: Equatable, Hashable, Sendable {
  public package(set) var vocabularySize: Int
  public package(set) var embeddingSize: Int
  public package(set) var layerCount: Int
  public package(set) var blockSize: Int
  public package(set) var headCount: Int

  public var headSize: Int { embeddingSize / headCount }
  /// Width of the hidden layer of the MLP, 4C.
  public var hiddenSize: Int { 4 * embeddingSize }
  /// 2·V·C + T·C + 12·L·C²
  public var parameterCount: Int {
    2 * vocabularySize * embeddingSize + blockSize * embeddingSize
      + 12 * layerCount * embeddingSize * embeddingSize
  }

  /// Largest sizes accepted: with these, counts of floats and bytes stay within 64 bits with room to spare. What memory
  /// allows is another question (`MemoryPlan`); a file cannot ask for more than it holds
  /// (`CheckpointSchema.checkSize`).
  public static let limits = (
    vocabularySize: 1_114_113, embeddingSize: 16_384, layerCount: 1_024, blockSize: 65_536,
    headCount: 1_024
  )

  /// Parameters of the model with all sizes at their limits: 3.3 trillion.
  public static let mostParameters = GPTConfiguration(
    unchecked: limits.vocabularySize, embeddingSize: limits.embeddingSize, layerCount: limits.layerCount,
    blockSize: limits.blockSize, headCount: limits.headCount
  ).parameterCount

  /// - Throws: `InvalidInput` naming the size, its value and what is allowed.
  public init(
    vocabularySize: Int, embeddingSize: Int, layerCount: Int, blockSize: Int, headCount: Int
  ) throws {
    self.init(
      unchecked: vocabularySize, embeddingSize: embeddingSize, layerCount: layerCount, blockSize: blockSize,
      headCount: headCount)
    try validate()
  }

  /// Sizes to be changed and validated later: a preset's, before the corpus and the options are known.
  package init(
    unchecked vocabularySize: Int, embeddingSize: Int, layerCount: Int, blockSize: Int, headCount: Int
  ) {
    self.vocabularySize = vocabularySize
    self.embeddingSize = embeddingSize
    self.layerCount = layerCount
    self.blockSize = blockSize
    self.headCount = headCount
  }

  /// - Throws: `InvalidInput` naming the size, its value and what is allowed.
  package func validate() throws {
    func check(_ name: String, _ value: Int, _ allowed: ClosedRange<Int>) throws {
      guard allowed.contains(value) else {
        throw InvalidInput(
          "\(name) is \(value); allowed are \(allowed.lowerBound) to \(allowed.upperBound)")
      }
    }
    let limits = Self.limits
    // One character and BOS are the smallest vocabulary.
    try check("vocab_size", vocabularySize, 2...limits.vocabularySize)
    try check("n_embd", embeddingSize, 1...limits.embeddingSize)
    try check("n_layer", layerCount, 1...limits.layerCount)
    try check("block_size", blockSize, 1...limits.blockSize)
    try check("n_head", headCount, 1...limits.headCount)
    guard embeddingSize % headCount == 0 else {
      throw InvalidInput(
        "n_head \(headCount) does not divide n_embd \(embeddingSize); choose a divisor of \(embeddingSize)")
    }
  }
}
