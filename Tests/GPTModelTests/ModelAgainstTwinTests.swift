// The whole model in Float against its naive twin in Double: logits, loss and the gradient of every tensor;
// and the twin's gradient against central differences of its loss.

import GPTModel
import Kernels
import TestSupport
import Testing

@Suite("Model against twin") struct ModelAgainstTwinTests {
  @Test(arguments: ModelCase.all, MatrixBackend.allCases)
  func logitsLossAndGradients(model modelCase: ModelCase, backend: MatrixBackend) throws {
    let twin = try modelCase.twin()
    let model = twin.model(backend)
    let sequences = modelCase.sequences()
    let workspace = SequenceWorkspace(model.configuration)
    for sequence in sequences {
      let inputs = Array(sequence.dropLast())
      model.forward(inputs, rows: inputs.count, workspace)
      expectClose(
        workspace.copyLogits(rows: inputs.count), twin.logits(inputs), tolerance: 5e-6,
        "logits of \(inputs.count) tokens")
    }
    let expected = twin.lossAndGradient(sequences, gradientScale: Double(modelCase.gradientScale))
    let actual = leafGradient(model, sequences, scale: modelCase.gradientScale, workspace: workspace)
    expectClose([actual.loss], Matrix(1, 1, [expected.loss]), tolerance: 2e-6, "loss")
    expectGradients(actual.gradient, expected.gradient, twin.table, tolerance: 2e-5)
    #expect(padding(actual.gradient, twin.table).allSatisfy { $0 == 0 })
    #expect(model.leafLoss(sequences, workspace) == actual.loss)
  }

  /// Every element of every tensor of a twin, by central differences of its loss.
  @Test(arguments: [
    ModelCase(V: 5, C: 6, L: 2, T: 4, H: 2, lengths: [4, 2]),
    ModelCase(V: 4, C: 3, L: 1, T: 5, H: 1, lengths: [5]),
    ModelCase(V: 3, C: 4, L: 3, T: 3, H: 4, lengths: [3, 1, 2]),
  ])
  func twinGradientOfEveryTensor(model modelCase: ModelCase) throws {
    let twin = try modelCase.twin()
    let sequences = modelCase.sequences()
    let gradient = twin.lossAndGradient(sequences, gradientScale: 0.5).gradient
    for (index, entry) in twin.table.entries.enumerated() {
      var moved = twin
      expectGradient(
        gradient[index],
        of: {
          moved.weights[index] = $0
          return 0.5 * moved.loss(sequences)
        },
        at: twin.weights[index], tolerance: 1e-7, "gradient of \(entry.path)")
    }
  }

  /// Logits of a prefix keep their bits whatever follows: training sees no future, and a cached decoder can
  /// reproduce it.
  @Test(arguments: [1, 2, 5, 12, 13, 32])
  func logitsDoNotDependOnLaterTokens(known: Int) throws {
    let modelCase = ModelCase(V: 66, C: 32, L: 2, T: 40, H: 4, lengths: [40])
    let model = try modelCase.twin().model()
    let workspace = SequenceWorkspace(model.configuration)
    let tokens = modelCase.sequences()[0]
    func logits(_ tokens: [Int32]) -> [Float] {
      model.forward(tokens, rows: tokens.count, workspace)
      return workspace.copyLogits(rows: known)
    }
    let alone = logits(Array(tokens.prefix(known)))
    for length in [known + 1, 40] {
      let changed = tokens.prefix(known) + (known..<length).map { Int32(($0 * 31) % 66) }
      expectSameBits(logits(Array(changed)), alone, "logits of the first \(known) of \(length)")
    }
  }

  @Test func preparingForInferenceGivesTheSameLogits() throws {
    let modelCase = ModelCase.all[0]
    let twin = try modelCase.twin()
    let tokens = modelCase.sequences()[0]
    func logits(_ model: PreparedModel) -> [Float] {
      let workspace = SequenceWorkspace(model.configuration)
      model.forward(tokens, rows: 8, workspace)
      return workspace.copyLogits(rows: 8)
    }
    expectSameBits(logits(twin.model(isTraining: false)), logits(twin.model()), "logits")
  }

  /// After a change of the weights and a new preparation, nothing of the old ones is left.
  @Test(arguments: MatrixBackend.allCases)
  func preparingAgainTakesTheNewWeights(backend: MatrixBackend) throws {
    let modelCase = ModelCase.all[3]
    let model = try modelCase.twin(seed: 8).model(backend)
    let other = try modelCase.twin(seed: 9).model(backend)
    model.weights.copy(from: other.weights)
    for index in 0..<model.preparationCount { model.prepare(index) }
    let sequences = modelCase.sequences()
    let (actual, expected) = (
      leafGradient(model, sequences, scale: 1), leafGradient(other, sequences, scale: 1)
    )
    #expect(actual.loss == expected.loss)
    expectSameBits(actual.gradient.contents, expected.gradient.contents, "gradient")
  }

  /// A model whose logits are all zero has a loss of ln V a token, known without any implementation.
  @Test func zeroHeadMeansUniformGuessing() throws {
    let modelCase = ModelCase.all[3]
    var twin = try modelCase.twin()
    twin.weights[twin.table.languageModelHead] = Matrix(32, 66)
    let loss = twin.model().leafLoss(modelCase.sequences(), SequenceWorkspace(twin.configuration))
    expectClose([loss / 96], Matrix(1, 1, [4.189654742026425]), tolerance: 1e-6, "ln 66")
  }

  /// Training stops at a loss that is not a number: one bad weight anywhere must reach it, through ReLU and
  /// softmax, and the gradient too.
  @Test(arguments: MatrixBackend.allCases, [Float.nan, .infinity])
  func aBadWeightReachesTheLoss(backend: MatrixBackend, value: Float) throws {
    let modelCase = ModelCase.all[0]
    let sequences = modelCase.sequences()
    let twin = try modelCase.twin()
    for (index, entry) in twin.table.entries.enumerated() {
      let model = twin.model(backend)
      // A row that is read: that of the first token, the first position, the first input.
      let row = index == twin.table.tokenEmbedding ? Int(sequences[0][0]) : 0
      model.weights.base[entry.offset + row * entry.columns] = value
      model.prepareAll()
      let (loss, gradient) = leafGradient(model, sequences, scale: 1)
      #expect(!loss.isFinite, "loss with a weight of \(entry.path) that is \(value)")
      #expect(firstNonFinite(gradient.base, count: gradient.count) != nil, "gradient with \(entry.path)")
    }
  }

  @Test func theProfileCountsWhenItIsAsked() throws {
    let modelCase = ModelCase.all[3]
    let model = try modelCase.twin().model()
    let workspace = SequenceWorkspace(model.configuration)
    func seconds() -> [Double] { ModelProfile.Kind.allCases.map { workspace.profile[$0] } }
    _ = leafGradient(model, modelCase.sequences(), scale: 1, workspace: workspace)
    #expect(seconds() == [0, 0, 0])
    workspace.profile.isEnabled = true
    let start = ContinuousClock.now
    _ = leafGradient(model, modelCase.sequences(), scale: 1, workspace: workspace)
    let wall = (ContinuousClock.now - start) / .seconds(1)
    #expect(seconds().allSatisfy { $0 > 0 })
    #expect(seconds().reduce(0, +) <= wall)
  }
}
