// Models and batches that the tests of this target run over: small, odd, at the edges of tiles and panels.

import GPTModel
import Kernels
import TestSupport
import Testing

/// Sizes of a model and the lengths of the sequences of one leaf, in inputs (a sequence has one token more).
struct ModelCase: CustomTestStringConvertible, Sendable {
  let V, C, L, T, H: Int
  let lengths: [Int]

  var testDescription: String { "V \(V), C \(C), L \(L), T \(T), H \(H), lengths \(lengths)" }

  static let all = [
    ModelCase(V: 11, C: 12, L: 2, T: 8, H: 4, lengths: [8]),
    ModelCase(V: 11, C: 12, L: 2, T: 8, H: 4, lengths: [3, 8, 1, 5]),
    ModelCase(V: 27, C: 16, L: 1, T: 16, H: 4, lengths: [7]),
    ModelCase(V: 66, C: 32, L: 2, T: 33, H: 4, lengths: [33, 32, 31]),
    ModelCase(V: 40, C: 64, L: 1, T: 33, H: 1, lengths: [33, 12]),
    ModelCase(V: 7, C: 10, L: 3, T: 20, H: 5, lengths: [20, 13, 13]),
    ModelCase(V: 130, C: 48, L: 1, T: 13, H: 3, lengths: [13, 2]),
    ModelCase(V: 2, C: 6, L: 2, T: 1, H: 2, lengths: [1, 1, 1]),
    ModelCase(V: 5, C: 1, L: 1, T: 4, H: 1, lengths: [4, 2]),
    ModelCase(V: 9, C: 33, L: 1, T: 100, H: 1, lengths: [100, 97]),
    // One block of the Shakespeare default.
    ModelCase(V: 66, C: 128, L: 1, T: 256, H: 4, lengths: [256]),
  ]

  func configuration() throws -> GPTConfiguration {
    try GPTConfiguration(vocabularySize: V, embeddingSize: C, layerCount: L, blockSize: T, headCount: H)
  }

  func twin(seed: Int = 1) throws -> TwinModel {
    var random = TestRandom(seed)
    return TwinModel(try configuration(), random: &random)
  }

  func sequences(seed: Int = 2) -> [[Int32]] {
    var random = TestRandom(seed)
    return lengths.map { random.tokens($0 + 1, vocabulary: V) }
  }

  /// 1 / targets, rounded as the trainer rounds it.
  var gradientScale: Float { 1 / Float(lengths.reduce(0, +)) }
}

extension TwinModel {
  /// The Float model with these weights, prepared.
  func model(_ backend: MatrixBackend = .simd, isTraining: Bool = true) -> PreparedModel {
    let model = PreparedModel(
      configuration: configuration, weights: arena, backend: backend, isTraining: isTraining)
    model.prepareAll()
    return model
  }
}

/// Loss and gradient of one leaf in memory that held NaN, its padding excepted.
func leafGradient(
  _ model: PreparedModel, _ sequences: [[Int32]], scale: Float, workspace: SequenceWorkspace? = nil
) -> (loss: Double, gradient: FloatArena) {
  let gradient = FloatArena(count: model.table.arenaCount)
  for entry in model.table.entries {
    (gradient.base + entry.offset).update(repeating: .nan, count: entry.count)
  }
  let loss = model.leafLossAndGradient(
    sequences, gradientScale: scale, into: gradient.base, workspace ?? SequenceWorkspace(model.configuration))
  return (loss, gradient)
}

/// Every tensor of a Float gradient against the expected one, named by its path.
///
/// A tensor's scale is its largest element, but at least a hundredth of the largest of all: where gradients
/// cancel (one token, one channel) only the rounding of what cancelled is left.
func expectGradients(
  _ gradient: FloatArena, _ expected: [Matrix], _ table: ParameterTable, tolerance: Double,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  func largest(_ tensor: Matrix) -> Double { tensor.values.reduce(0) { max($0, abs($1)) } }
  let overall = expected.map(largest).max() ?? 0
  for (entry, tensor) in zip(table.entries, expected) {
    expectClose(
      (0..<entry.count).map { gradient.base[entry.offset + $0] }, tensor, tolerance: tolerance,
      scale: max(largest(tensor), overall * 0.01), "gradient of \(entry.path)", sourceLocation: sourceLocation
    )
  }
}

/// Every float between two tensors, and behind the last one.
func padding(_ arena: FloatArena, _ table: ParameterTable) -> [Float] {
  var isTensor = [Bool](repeating: false, count: arena.count)
  for entry in table.entries { for index in entry.range { isTensor[index] = true } }
  return arena.floats.indices.filter { !isTensor[$0] }.map { arena.base[$0] }
}
