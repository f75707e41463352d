// The naive twin of the whole model in Double: forward, loss and the gradient of every tensor.
// It takes shapes and paths from the one ParameterTable, the mathematics from the definition of the model:
//   x = RMSNorm(wte[token] + wpe[position]);
//   per block: x += wo·attention(RMSNorm(x)); x += fc2·relu(fc1·RMSNorm(x));  logits = lm_head·x

import GPTModel
import Kernels

public struct TwinModel {
  public let configuration: GPTConfiguration
  public let table: ParameterTable
  /// One matrix an entry of the table.
  public var weights: [Matrix]

  public init(_ configuration: GPTConfiguration, weights: [Matrix]) {
    self.configuration = configuration
    table = ParameterTable(configuration)
    precondition(weights.count == table.entries.count)
    self.weights = weights
  }

  /// Random weights, exact in Float, large enough (±0.5) for attention to be far from uniform.
  public init(_ configuration: GPTConfiguration, random: inout TestRandom, scale: Double = 0.5) {
    let entries = ParameterTable(configuration).entries
    self.init(
      configuration,
      weights: entries.map { Matrix($0.rows, $0.columns, random: &random, scale: scale) })
  }

  /// The twin of weights as they lie in an arena.
  public init(_ configuration: GPTConfiguration, arena: FloatArena) {
    self.init(
      configuration, weights: ParameterTable(configuration).entries.map { Self.matrix($0, arena.base) })
  }

  /// The weights as the model under test takes them.
  public var arena: FloatArena {
    let arena = FloatArena(count: table.arenaCount)
    for (entry, tensor) in zip(table.entries, weights) {
      for index in 0..<entry.count { arena.base[entry.offset + index] = Float(tensor.values[index]) }
    }
    return arena
  }

  /// One tensor of an arena.
  public static func matrix(_ entry: ParameterTable.Entry, _ arena: UnsafePointer<Float>) -> Matrix {
    Matrix(
      entry.rows, entry.columns, (0..<entry.count).map { Double(arena[entry.offset + $0]) })
  }

  /// What the backward pass needs of one block.
  private struct Saved {
    var input, attentionInput, qkv, attention, middle, mlpInput, hidden: Matrix
  }

  /// Logits (n × V) of n tokens.
  public func logits(_ tokens: [Int32]) -> Matrix {
    forward(tokens).logits
  }

  private func forward(_ tokens: [Int32]) -> (embedded: Matrix, saved: [Saved], last: Matrix, logits: Matrix)
  {
    let embedded = Twin.embed(
      tokens, tokenTable: weights[table.tokenEmbedding], positionTable: weights[table.positionEmbedding])
    var x = Twin.rmsNorm(embedded).y
    var saved: [Saved] = []
    for block in table.blocks {
      let a = Twin.rmsNorm(x).y
      let qkv = Matrix.sideBySide(
        [block.query, block.key, block.value].map { Twin.multiply(a, weights[$0]) })
      let attention = Twin.attention(qkv, heads: configuration.headCount)
      let middle = x + Twin.multiply(attention, weights[block.output])
      let m = Twin.rmsNorm(middle).y
      var hidden = Twin.multiply(m, weights[block.expand])
      for index in hidden.values.indices { hidden.values[index] = max(hidden.values[index], 0) }
      saved.append(
        Saved(
          input: x, attentionInput: a, qkv: qkv, attention: attention, middle: middle, mlpInput: m,
          hidden: hidden))
      x = middle + Twin.multiply(hidden, weights[block.project])
    }
    return (embedded, saved, x, Twin.multiply(x, weights[table.languageModelHead]))
  }

  /// Sum of the cross-entropy over the targets of all sequences, n + 1 tokens each.
  public func loss(_ sequences: [[Int32]]) -> Double {
    sequences.reduce(0) {
      $0 + Twin.crossEntropy(logits: logits(Array($1.dropLast())), targets: Array($1.dropFirst())).loss
    }
  }

  /// The loss, and the gradient of loss · gradientScale for every entry of the table.
  public func lossAndGradient(
    _ sequences: [[Int32]], gradientScale: Double
  ) -> (loss: Double, gradient: [Matrix]) {
    var gradient = weights.map { Matrix($0.rows, $0.columns) }
    var loss = 0.0
    for sequence in sequences { loss += addGradient(of: sequence, gradientScale, to: &gradient) }
    return (loss, gradient)
  }

  private func addGradient(
    of sequence: [Int32], _ gradientScale: Double, to gradient: inout [Matrix]
  ) -> Double {
    let tokens = Array(sequence.dropLast())
    let forward = forward(tokens)
    let (loss, dLogits) = Twin.crossEntropy(
      logits: forward.logits, targets: Array(sequence.dropFirst()), gradientScale: gradientScale)
    /// y = x·W: adds xᵀ·dy to W's gradient and returns dy·Wᵀ.
    func linear(_ entry: Int, _ x: Matrix, _ dy: Matrix) -> Matrix {
      gradient[entry] = gradient[entry] + Twin.multiply(x.transposed, dy)
      return Twin.multiply(dy, weights[entry].transposed)
    }
    var dx = linear(table.languageModelHead, forward.last, dLogits)
    for (block, saved) in zip(table.blocks, forward.saved).reversed() {
      let dHidden = Twin.finish(linear(block.project, saved.hidden, dx), over: saved.hidden, .maskPositive)
      dx = dx + Twin.rmsNormBackward(dy: linear(block.expand, saved.mlpInput, dHidden), x: saved.middle)
      let dqkv = Twin.attentionBackward(
        linear(block.output, saved.attention, dx), qkv: saved.qkv, heads: configuration.headCount)
      let C = configuration.embeddingSize
      var dInput = Matrix(dx.rows, C)
      for (part, entry) in [block.query, block.key, block.value].enumerated() {
        dInput = dInput + linear(entry, saved.attentionInput, dqkv.columns(part * C, C))
      }
      dx = dx + Twin.rmsNormBackward(dy: dInput, x: saved.input)
    }
    let dEmbedded = Twin.rmsNormBackward(dy: dx, x: forward.embedded)
    // One table at a time: Swift does not lend two elements of an array at once.
    var dToken = gradient[table.tokenEmbedding]
    var dPosition = gradient[table.positionEmbedding]
    Twin.embedBackward(dEmbedded, tokens, tokenGradient: &dToken, positionGradient: &dPosition)
    gradient[table.tokenEmbedding] = dToken
    gradient[table.positionEmbedding] = dPosition
    return loss
  }
}
