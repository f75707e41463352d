// The single definition of every weight tensor: its name, shape and place. Model, optimizer, reduction, hash
// and checkpoint all read this table; no other file computes an offset.

/// The tensors of a model, in the order in which they are laid out and hashed.
public struct ParameterTable: Equatable, Sendable {
  /// One tensor. Linear weights are `[in][out]`, row-major.
  public struct Entry: Equatable, Sendable {
    /// Path in a checkpoint below `model_state`, for example `blocks/1/attn_wq`.
    public let path: String
    public let rows: Int
    public let columns: Int
    /// First element in the arena, a multiple of 16 floats (64 bytes).
    public let offset: Int
    public var count: Int { rows * columns }
    public var range: Range<Int> { offset..<offset + count }
  }

  /// Where the tensors of one block lie in `entries`.
  public struct Block: Equatable, Sendable {
    public let query, key, value, output, expand, project: Int
  }

  public let entries: [Entry]
  public let tokenEmbedding: Int
  public let positionEmbedding: Int
  public let languageModelHead: Int
  public let blocks: [Block]
  /// Floats in an arena that holds all tensors, padding between them included.
  public let arenaCount: Int
  /// Floats in all tensors, without padding.
  public var parameterCount: Int { entries.reduce(0) { $0 + $1.count } }

  public init(_ configuration: GPTConfiguration) {
    var entries: [Entry] = []
    var offset = 0
    func add(_ path: String, _ rows: Int, _ columns: Int) -> Int {
      entries.append(Entry(path: path, rows: rows, columns: columns, offset: offset))
      offset += (rows * columns + 15) / 16 * 16
      return entries.count - 1
    }
    let (V, C) = (configuration.vocabularySize, configuration.embeddingSize)
    tokenEmbedding = add("wte", V, C)
    positionEmbedding = add("wpe", configuration.blockSize, C)
    blocks = (1...configuration.layerCount).map { layer in
      Block(
        query: add("blocks/\(layer)/attn_wq", C, C),
        key: add("blocks/\(layer)/attn_wk", C, C),
        value: add("blocks/\(layer)/attn_wv", C, C),
        output: add("blocks/\(layer)/attn_wo", C, C),
        expand: add("blocks/\(layer)/mlp_fc1", C, 4 * C),
        project: add("blocks/\(layer)/mlp_fc2", 4 * C, C))
    }
    languageModelHead = add("lm_head", C, V)
    self.entries = entries
    arenaCount = offset
  }

  /// The arena in parts of at least `minimum` floats, in the order in which a backward pass finishes them: from the
  /// language model head to the embeddings.
  public func backwardBuckets(minimum: Int) -> [Range<Int>] {
    let starts = blocks.reversed().map { entries[$0.query].offset } + [0]
    var buckets: [Range<Int>] = []
    var end = arenaCount
    for start in [entries[languageModelHead].offset] + starts where end - start >= minimum {
      buckets.append(start..<end)
      end = start
    }
    // What is left at the end is finished last anyway.
    guard end > 0 || buckets.isEmpty else { return buckets }
    if buckets.isEmpty { return [0..<arenaCount] }
    buckets[buckets.count - 1] = 0..<buckets[buckets.count - 1].upperBound
    return buckets
  }

  /// The entry that holds arena element `index`, or nil for padding.
  public func entry(containing index: Int) -> Entry? {
    entries.first { $0.range.contains(index) }
  }
}
