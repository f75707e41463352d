// The model and its twin against an implementation that shares nothing with them: numpy in float64, whose
// results lie in Tests/Fixtures/oracle.json (scripts/make_oracle.py writes it).

import Foundation
import GPTModel
import Kernels
import TestSupport
import Testing

/// The fixture: per case the sizes, weights and batch, and what numpy made of them.
private struct Oracle: Decodable {
  struct Case: Decodable {
    let config: [String: Int]
    /// B × T
    let inputs, targets: [[Int32]]
    /// Mean over all targets, in nats.
    let loss: Double
    /// B × T × V, flat.
    let logits: [Double]
    /// By checkpoint path, flat, row-major.
    let weights, gradients: [String: [Double]]
  }
  let cases: [Case]

  static func load() throws -> Oracle {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try Data(contentsOf: tests.appendingPathComponent("Fixtures/oracle.json"))
    return try JSONDecoder().decode(Oracle.self, from: data)
  }
}

extension Oracle.Case {
  func configuration() throws -> GPTConfiguration {
    try GPTConfiguration(
      vocabularySize: #require(config["vocab_size"]), embeddingSize: #require(config["n_embd"]),
      layerCount: #require(config["n_layer"]), blockSize: #require(config["block_size"]),
      headCount: #require(config["n_head"]))
  }

  func tensors(_ values: [String: [Double]], _ table: ParameterTable) throws -> [Matrix] {
    #expect(Set(values.keys) == Set(table.entries.map(\.path)))
    return try table.entries.map { Matrix($0.rows, $0.columns, try #require(values[$0.path])) }
  }

  func twin() throws -> TwinModel {
    let configuration = try configuration()
    return TwinModel(configuration, weights: try tensors(weights, ParameterTable(configuration)))
  }

  /// Inputs and targets overlap by all but one token: n + 1 tokens each.
  var sequences: [[Int32]] {
    get throws {
      try zip(inputs, targets).map { inputs, targets in
        #expect(Array(inputs.dropFirst()) == Array(targets.dropLast()))
        return inputs + [try #require(targets.last)]
      }
    }
  }

  /// Logits of one sequence.
  func logits(_ sequence: Int, _ configuration: GPTConfiguration) -> Matrix {
    let V = configuration.vocabularySize
    let rows = inputs[sequence].count
    return Matrix(rows, V, Array(logits[sequence * rows * V..<(sequence + 1) * rows * V]))
  }
}

@Suite("Oracle") struct OracleTests {
  @Test func theFixtureHasItsCases() throws {
    #expect(try Oracle.load().cases.count == 2)
  }

  @Test(arguments: [0, 1], MatrixBackend.allCases)
  func modelAgreesWithNumpy(index: Int, backend: MatrixBackend) throws {
    let oracle = try Oracle.load().cases[index]
    let twin = try oracle.twin()
    let model = twin.model(backend)
    let workspace = SequenceWorkspace(model.configuration)
    for (sequence, inputs) in oracle.inputs.enumerated() {
      model.forward(inputs, rows: inputs.count, workspace)
      expectClose(
        workspace.copyLogits(rows: inputs.count), oracle.logits(sequence, model.configuration),
        tolerance: 5e-6, "logits of sequence \(sequence)")
    }
    let targetCount = oracle.targets.reduce(0) { $0 + $1.count }
    let (loss, gradient) = leafGradient(model, try oracle.sequences, scale: 1 / Float(targetCount))
    expectClose([loss / Double(targetCount)], Matrix(1, 1, [oracle.loss]), tolerance: 2e-6, "loss")
    expectGradients(
      gradient, try oracle.tensors(oracle.gradients, model.table), model.table, tolerance: 2e-5)
  }

  /// The fixture holds nine digits: up to half a unit of the ninth, 5e-9 of an element.
  @Test(arguments: [0, 1])
  func twinAgreesWithNumpy(index: Int) throws {
    let oracle = try Oracle.load().cases[index]
    let twin = try oracle.twin()
    for (sequence, inputs) in oracle.inputs.enumerated() {
      expectClose(
        twin.logits(inputs).values, oracle.logits(sequence, twin.configuration), tolerance: 5.1e-9,
        "logits of sequence \(sequence)")
    }
    let targetCount = Double(oracle.targets.reduce(0) { $0 + $1.count })
    let (loss, gradient) = twin.lossAndGradient(try oracle.sequences, gradientScale: 1 / targetCount)
    expectClose([loss / targetCount], Matrix(1, 1, [oracle.loss]), tolerance: 1e-12, "loss")
    let expected = try oracle.tensors(oracle.gradients, twin.table)
    for (tensor, entry) in twin.table.entries.enumerated() {
      expectClose(gradient[tensor].values, expected[tensor], tolerance: 5.1e-9, "gradient of \(entry.path)")
    }
  }
}
