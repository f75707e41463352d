// The additions that lead from a fine cover of the leaves to a coarser one.

/// A plan to sum nodes of the canonical tree into larger ones, in the tree's order. Pure, except for `run`.
public struct NodeSums: Sendable {
  /// node[left] += node[right], by index in `inputs`.
  struct Addition: Equatable, Sendable {
    let left: Int
    let right: Int
  }

  public let inputs: [Range<Int>]
  public let outputs: [Range<Int>]
  /// The input in whose place each output ends up: that of its first leaf.
  public let places: [Int]
  /// Ordered so that both operands are ready.
  let additions: [Addition]

  /// - Parameters:
  ///   - inputs: nodes in leaf order.
  ///   - outputs: nodes in leaf order that cover the same leaves, each the union of some inputs.
  public init(from inputs: [Range<Int>], to outputs: [Range<Int>]) {
    self.inputs = inputs
    self.outputs = outputs
    var additions: [Addition] = []
    var next = 0
    /// Returns the index of the input that holds the sum of `range`.
    func visit(_ range: Range<Int>) -> Int {
      precondition(next < inputs.count, "the nodes do not cover the leaves")
      if inputs[next] == range {
        next += 1
        return next - 1
      }
      let middle = CanonicalTree.split(range)
      let left = visit(range.lowerBound..<middle)
      let right = visit(middle..<range.upperBound)
      additions.append(Addition(left: left, right: right))
      return left
    }
    places = outputs.map { visit($0) }
    precondition(next == inputs.count, "the nodes do not cover the leaves")
    self.additions = additions
  }

  /// Adds in place: output k is afterwards in `parts[places[k]]`.
  ///
  /// - Parameters:
  ///   - parts: for each of `inputs`, its `count` elements; overwritten.
  ///   - result: if there is one output, where its elements go instead; may be its place.
  public func run(
    parts: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int, precision: ReductionPrecision,
    into result: UnsafeMutablePointer<Float>? = nil
  ) {
    guard let last = additions.last else {
      if let result, !inputs.isEmpty, result != parts[0] { result.update(from: parts[0], count: count) }
      return
    }
    precondition(result == nil || outputs.count == 1)
    // Blocks that stay in the first-level cache while the whole tree runs over them.
    let block = max(256, 8192 / inputs.count / 16 * 16)
    var start = 0
    while start < count {
      let length = min(block, count - start)
      for addition in additions.dropLast() {
        let left = parts[addition.left] + start
        VectorSum.add(left, parts[addition.right] + start, into: left, count: length, precision)
      }
      let left = parts[last.left] + start
      VectorSum.add(
        left, parts[last.right] + start, into: result.map { $0 + start } ?? left, count: length, precision)
      start += length
    }
  }
}
