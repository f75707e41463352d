// The law of equal bits at its root: a leaf's gradient is a function of its tokens, the weights and the scale,
// not of threads, of what memory held, or of what was computed before. And its golden hash.

import Foundation
import GPTModel
import Kernels
import Reproducibility
import TestSupport
import Testing

@Suite("Leaf gradient") struct LeafGradientTests {
  private static let modelCase = ModelCase(V: 66, C: 32, L: 2, T: 33, H: 4, lengths: [33, 7, 20])

  private func bits(_ result: (loss: Double, gradient: FloatArena)) -> [Float] {
    result.gradient.contents + [Float(bitPattern: UInt32(truncatingIfNeeded: result.loss.bitPattern))]
      + [Float(bitPattern: UInt32(result.loss.bitPattern >> 32))]
  }

  @Test(arguments: MatrixBackend.allCases)
  func doesNotDependOnWhatMemoryHeld(backend: MatrixBackend) throws {
    let modelCase = Self.modelCase
    let model = try modelCase.twin().model(backend)
    let sequences = modelCase.sequences()
    let fresh = leafGradient(model, sequences, scale: modelCase.gradientScale)
    #expect(fresh.loss.isFinite && fresh.gradient.contents.allSatisfy { $0.isFinite })

    let used = SequenceWorkspace(model.configuration)
    // Another, longer leaf leaves its activations in the workspace; it also leaves a gradient to be replaced.
    let other = ModelCase(V: 66, C: 32, L: 2, T: 33, H: 4, lengths: [33, 33]).sequences(seed: 5)
    let gradient = FloatArena(count: model.table.arenaCount)
    _ = model.leafLossAndGradient(other, gradientScale: 1e4, into: gradient.base, used)
    let loss = model.leafLossAndGradient(
      sequences, gradientScale: modelCase.gradientScale, into: gradient.base, used)
    expectSameBits(bits((loss, gradient)), bits(fresh), "gradient in used memory")

    // Even NaN activations of a sequence that went wrong.
    let nanGradient = FloatArena(count: model.table.arenaCount)
    _ = model.leafLossAndGradient(other, gradientScale: .nan, into: nanGradient.base, used)
    let after = leafGradient(model, sequences, scale: modelCase.gradientScale, workspace: used)
    expectSameBits(bits(after), bits(fresh), "gradient after NaN")
  }

  @Test(arguments: MatrixBackend.allCases)
  func doesNotDependOnTheThread(backend: MatrixBackend) throws {
    let modelCase = Self.modelCase
    let model = try modelCase.twin().model(backend)
    let leaves = (0..<8).map { modelCase.sequences(seed: $0 / 2) }
    let expected = leaves.map { bits(leafGradient(model, $0, scale: 0.125)) }
    let results = Results(count: leaves.count)
    DispatchQueue.concurrentPerform(iterations: leaves.count) { leaf in
      results.set(leaf, bits(leafGradient(model, leaves[leaf], scale: 0.125)))
    }
    for (leaf, actual) in results.all.enumerated() {
      expectSameBits(actual, expected[leaf], "gradient of leaf \(leaf) on some thread")
    }
    #expect(expected[0] != expected[2], "leaves of other tokens have other gradients")
  }

  private final class Results: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [[Float]]
    init(count: Int) { values = Array(repeating: [], count: count) }
    func set(_ index: Int, _ value: [Float]) { lock.withLock { values[index] = value } }
    var all: [[Float]] { lock.withLock { values } }
  }

  /// The scale is a factor: powers of two are exact to the last bit.
  @Test(arguments: [Float(0.25), 2, 1024])
  func scaleIsAFactor(scale: Float) throws {
    let modelCase = Self.modelCase
    let model = try modelCase.twin().model()
    let one = leafGradient(model, modelCase.sequences(), scale: 1)
    let scaled = leafGradient(model, modelCase.sequences(), scale: scale)
    #expect(one.loss == scaled.loss)
    expectSameBits(scaled.gradient.contents, one.gradient.contents.map { $0 * scale }, "scaled gradient")
  }

  /// The gradient of a leaf is the sum of its sequences' gradients.
  @Test func sequencesAddUp() throws {
    let modelCase = Self.modelCase
    let model = try modelCase.twin().model()
    let sequences = modelCase.sequences()
    let whole = leafGradient(model, sequences, scale: 1)
    let parts = sequences.map { leafGradient(model, [$0], scale: 1) }
    #expect(whole.loss == parts.reduce(0) { $0 + $1.loss })
    let sums = model.table.entries.map { entry in
      parts.map { TwinModel.matrix(entry, $0.gradient.base) }.reduce(Matrix(entry.rows, entry.columns), +)
    }
    expectGradients(whole.gradient, sums, model.table, tolerance: 2e-6)
  }

  /// A change that alters no mathematics leaves these hashes as they are. One that means to alter the bits
  /// (another order of a sum) changes them here, knowingly: runs then no longer repeat older ones.
  @Test(.enabled(if: targetHasFMA, "bits are defined for CPUs with a fused multiply-add"))
  func goldenHash() throws {
    let modelCase = Self.modelCase
    let model = try modelCase.twin().model(.simd)
    let (_, gradient) = leafGradient(model, modelCase.sequences(), scale: modelCase.gradientScale)
    #expect(model.table.weightsHash(of: model.weights) == "f0f9627bfe726eee")
    #expect(model.table.weightsHash(of: gradient) == "7e548ff58aa1d6d1")
  }
}
