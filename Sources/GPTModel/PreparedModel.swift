// A model ready to compute: the weights of one step, packed once for all sequences and threads.
// Holds no activations and no gradients.

import Kernels

/// The weights of a GPT and their prepared linear layers.
///
/// `prepare` must run after every change of the weights and before any forward pass; in between, any number
/// of threads may read.
public final class PreparedModel: @unchecked Sendable {
  /// The linear layers of one block.
  struct Block {
    /// C → 3C: query, key and value side by side.
    let attention: Linear
    /// C → C
    let output: Linear
    /// C → 4C
    let expand: Linear
    /// 4C → C
    let project: Linear
  }

  public let configuration: GPTConfiguration
  public let table: ParameterTable
  public let weights: FloatArena
  public let backend: MatrixBackend
  let blocks: [Block]
  /// C → V
  let head: Linear
  private let linears: [Linear]
  /// Panel memory of all prepared layers.
  private let panels: FloatArena

  /// - Parameter isTraining: whether to prepare the backward pass too.
  public init(
    configuration: GPTConfiguration, weights: FloatArena, backend: MatrixBackend = .automatic,
    isTraining: Bool
  ) {
    let table = ParameterTable(configuration)
    precondition(weights.count == table.arenaCount, "weights of another configuration")
    useSingleThreadedBLAS()
    func entries(_ indices: [Int]) -> [ParameterTable.Entry] { indices.map { table.entries[$0] } }
    func panelCount(_ indices: [Int]) -> Int {
      Self.panelCount(of: indices, table, backend: backend, isTraining: isTraining)
    }
    let panels = FloatArena(count: Self.layers(table).reduce(0) { $0 + panelCount($1) })
    var next = panels.base
    func linear(_ indices: Int...) -> Linear {
      defer { next += panelCount(indices) }
      return Linear(
        inputs: table.entries[indices[0]].rows,
        parts: entries(indices).map { Linear.Part(offset: $0.offset, columns: $0.columns) },
        backend: backend, isTraining: isTraining, panels: next)
    }
    blocks = table.blocks.map { block in
      Block(
        attention: linear(block.query, block.key, block.value), output: linear(block.output),
        expand: linear(block.expand), project: linear(block.project))
    }
    head = linear(table.languageModelHead)
    linears = blocks.flatMap { [$0.attention, $0.output, $0.expand, $0.project] } + [head]
    self.configuration = configuration
    self.table = table
    self.weights = weights
    self.backend = backend
    self.panels = panels
  }

  /// The tensors side by side in each linear layer.
  private static func layers(_ table: ParameterTable) -> [[Int]] {
    table.blocks.flatMap { [[$0.query, $0.key, $0.value], [$0.output], [$0.expand], [$0.project]] }
      + [[table.languageModelHead]]
  }

  private static func panelCount(
    of indices: [Int], _ table: ParameterTable, backend: MatrixBackend, isTraining: Bool
  ) -> Int {
    let count = Linear.panelCount(
      inputs: table.entries[indices[0]].rows,
      outputs: indices.reduce(0) { $0 + table.entries[$1].columns }, backend: backend, isTraining: isTraining)
    return (count + 15) / 16 * 16
  }

  /// Floats of the prepared layers of a model, beside its weights.
  public static func panelCount(
    _ configuration: GPTConfiguration, backend: MatrixBackend, isTraining: Bool
  ) -> Int {
    let table = ParameterTable(configuration)
    return layers(table).reduce(0) {
      $0 + panelCount(of: $1, table, backend: backend, isTraining: isTraining)
    }
  }

  /// Independent pieces of preparation, which threads may share.
  public var preparationCount: Int { linears.count }

  public func prepare(_ index: Int) { linears[index].prepare(from: weights.base) }

  public func prepareAll() {
    for index in linears.indices { prepare(index) }
  }

  var tokenTable: UnsafePointer<Float> { tensor(table.tokenEmbedding) }
  var positionTable: UnsafePointer<Float> { tensor(table.positionEmbedding) }

  private func tensor(_ entry: Int) -> UnsafePointer<Float> {
    UnsafePointer(weights.base + table.entries[entry].offset)
  }
}
