// The sequences that a rank works on at one time, back to back in one buffer that is reused.

import Corpora

/// Sequences, grouped into leaves of the reduction tree.
struct TokenBatch: Sendable {
  private var tokens: [Int32] = []
  /// Where each sequence ends in `tokens`, after a 0.
  private var ends = [0]
  /// Where the sequences of each leaf end in `ends`, after a 0.
  private var leafEnds = [0]

  var leafCount: Int { leafEnds.count - 1 }

  mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    ends.append(0)
    leafEnds.removeAll(keepingCapacity: true)
    leafEnds.append(0)
  }

  /// Reads sequences of `source` as one more leaf.
  /// - Throws: `RuntimeFailure` when the corpus cannot be read.
  mutating func appendLeaf(_ indices: some Sequence<Int>, of source: any SequenceSource) throws {
    for index in indices {
      try source.appendTokens(of: index, to: &tokens)
      ends.append(tokens.count)
    }
    leafEnds.append(ends.count - 1)
  }

  /// The sequences of a leaf, without a copy.
  subscript(leaf: Int) -> LazyMapSequence<Range<Int>, ArraySlice<Int32>> {
    (leafEnds[leaf]..<leafEnds[leaf + 1]).lazy.map { [tokens, ends] in tokens[ends[$0]..<ends[$0 + 1]] }
  }

  /// Predictions that a leaf asks for: for each sequence, one fewer than its tokens.
  func targetCount(ofLeaf leaf: Int) -> Int {
    ends[leafEnds[leaf + 1]] - ends[leafEnds[leaf]] - (leafEnds[leaf + 1] - leafEnds[leaf])
  }
}
