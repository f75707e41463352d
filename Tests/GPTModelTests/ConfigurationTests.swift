// Sizes: the parameter counts of the reference, the limits, and the table of tensors that everything reads.

import Platform
import GPTModel
import TestSupport
import Testing

@Suite("Configuration") struct ConfigurationTests {
  private func configuration(_ V: Int, _ C: Int, _ L: Int, _ T: Int, _ H: Int) throws -> GPTConfiguration {
    try GPTConfiguration(vocabularySize: V, embeddingSize: C, layerCount: L, blockSize: T, headCount: H)
  }

  @Test(arguments: [
    ((27, 16, 1, 16, 4), 4_192),
    ((66, 128, 4, 256, 4), 836_096),
    ((2, 1, 1, 1, 1), 17),
  ])
  func parameterCounts(sizes: (Int, Int, Int, Int, Int), count: Int) throws {
    let configuration = try configuration(sizes.0, sizes.1, sizes.2, sizes.3, sizes.4)
    #expect(configuration.parameterCount == count)
    #expect(ParameterTable(configuration).parameterCount == count)
    #expect(configuration.headSize * sizes.4 == sizes.1)
    #expect(configuration.hiddenSize == 4 * sizes.1)
  }

  /// Each size just inside and just outside what is allowed, and what the message must name.
  @Test(arguments: [
    ((2, 4, 1, 1, 1), nil),
    ((1, 4, 1, 1, 1), "vocab_size is 1; allowed are 2 to"),
    ((0, 4, 1, 1, 1), "vocab_size is 0"),
    ((1_114_113, 1, 1, 1, 1), nil),
    ((1_114_114, 1, 1, 1, 1), "vocab_size is 1114114; allowed are 2 to 1114113"),
    ((2, 0, 1, 1, 1), "n_embd is 0; allowed are 1 to"),
    ((2, -1, 1, 1, 1), "n_embd is -1"),
    ((2, 16_385, 1, 1, 1), "n_embd is 16385"),
    ((2, 4, 0, 1, 1), "n_layer is 0"),
    ((2, 4, 1_024, 1, 1), nil),
    ((2, 4, 1_025, 1, 1), "n_layer is 1025"),
    ((2, 4, 1, 0, 1), "block_size is 0"),
    ((2, 4, 1, 65_536, 1), nil),
    ((2, 4, 1, 65_537, 1), "block_size is 65537"),
    ((2, 4, 1, 1, 0), "n_head is 0"),
    ((2, 1_024, 1, 1, 1_024), nil),
    ((2, 1_025, 1, 1, 1_025), "n_head is 1025"),
    ((2, 12, 1, 1, 5), "n_head 5 does not divide n_embd 12"),
    ((2, 4, 1, 1, 8), "n_head 8 does not divide n_embd 4"),
    // 3.3 trillion parameters: what memory allows is another question.
    ((1_114_113, 16_384, 1_024, 65_536, 1_024), nil),
    ((2, Int.max, 1, 1, 1), "n_embd is \(Int.max)"),
  ])
  func limits(sizes: (Int, Int, Int, Int, Int), error: String?) throws {
    func make() throws -> GPTConfiguration {
      try configuration(sizes.0, sizes.1, sizes.2, sizes.3, sizes.4)
    }
    guard let error else {
      let parameters = try make().parameterCount
      #expect(parameters <= GPTConfiguration.mostParameters)
      // Bytes of weights and of all that is derived from them can be counted.
      #expect(!parameters.multipliedReportingOverflow(by: 1 << 16).overflow)
      return
    }
    let thrown = #expect(throws: InvalidInput.self) { try make() }
    let message = thrown?.message ?? ""
    #expect(message.contains(error))
    #expect(!message.contains("\n"))
  }
}

@Suite("Parameter table") struct ParameterTableTests {
  private func table(_ L: Int) throws -> ParameterTable {
    ParameterTable(
      try GPTConfiguration(vocabularySize: 11, embeddingSize: 6, layerCount: L, blockSize: 5, headCount: 2))
  }

  /// The order is a contract: of checkpoints' keys, of hashes and of random streams.
  @Test func pathsShapesAndOffsets() throws {
    let expected: [(String, Int, Int, Int)] = [
      ("wte", 11, 6, 0), ("wpe", 5, 6, 80),
      ("blocks/1/attn_wq", 6, 6, 112), ("blocks/1/attn_wk", 6, 6, 160), ("blocks/1/attn_wv", 6, 6, 208),
      ("blocks/1/attn_wo", 6, 6, 256), ("blocks/1/mlp_fc1", 6, 24, 304), ("blocks/1/mlp_fc2", 24, 6, 448),
      ("blocks/2/attn_wq", 6, 6, 592), ("blocks/2/attn_wk", 6, 6, 640), ("blocks/2/attn_wv", 6, 6, 688),
      ("blocks/2/attn_wo", 6, 6, 736), ("blocks/2/mlp_fc1", 6, 24, 784), ("blocks/2/mlp_fc2", 24, 6, 928),
      ("lm_head", 6, 11, 1072),
    ]
    let table = try table(2)
    #expect(table.entries.count == expected.count)
    for (entry, expected) in zip(table.entries, expected) {
      #expect(entry.path == expected.0)
      #expect(
        (entry.rows, entry.columns, entry.offset) == (expected.1, expected.2, expected.3), "\(entry.path)")
    }
    #expect(table.arenaCount == 1152)
  }

  @Test(arguments: [1, 2, 7])
  func indicesNameTheirTensors(layers: Int) throws {
    let table = try table(layers)
    func path(_ index: Int) -> String { table.entries[index].path }
    #expect(path(table.tokenEmbedding) == "wte")
    #expect(path(table.positionEmbedding) == "wpe")
    #expect(path(table.languageModelHead) == "lm_head")
    #expect(table.blocks.count == layers)
    for (index, block) in table.blocks.enumerated() {
      let paths = [block.query, block.key, block.value, block.output, block.expand, block.project].map(path)
      let names = ["attn_wq", "attn_wk", "attn_wv", "attn_wo", "mlp_fc1", "mlp_fc2"]
      #expect(paths == names.map { "blocks/\(index + 1)/\($0)" })
    }
  }

  @Test func everyFloatBelongsToOneTensorOrNone() throws {
    let table = try table(2)
    var owned = 0
    for index in -1...table.arenaCount {
      let owners = table.entries.filter { $0.range.contains(index) }
      #expect(owners.count <= 1)
      #expect(table.entry(containing: index) == owners.first)
      owned += owners.count
    }
    #expect(owned == table.parameterCount)
    #expect(table.entries.allSatisfy { $0.offset % 16 == 0 })
  }
}
