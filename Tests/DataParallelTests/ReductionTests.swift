// Folding and exchange with all ranks simulated in one process: same slices, same finishing code, no MPI.

import Testing

@testable import DataParallel
@testable import data_parallel_check

/// Naive twin: the definition of the tree, element by element.
func canonicalReference(leafCount: Int, elementCount: Int) -> [Float] {
  (0..<elementCount).map { element in
    func tree(_ low: Int, _ high: Int) -> Float {
      if high - low == 1 { return KnownLeaves.value(leaf: low, element: element) }
      var power = 1
      while power * 2 < high - low { power *= 2 }
      return tree(low, low + power) + tree(low + power, high)
    }
    return tree(0, leafCount)
  }
}

/// Reduces known leaves with `worldSize` simulated ranks; leaves are delivered in the order of `shuffle`.
func simulatedReduction(
  leafCount: Int, worldSize: Int, elementCount: Int, shuffle: ([Int]) -> [Int]
) -> [Float] {
  let intervals = LeafIntervals(leafCount: leafCount, worldSize: worldSize)
  let pool = BufferPool(elementCount: elementCount)
  let folds = (0..<worldSize).map {
    LeafFold(leafCount: leafCount, interval: intervals[$0], pool: pool)
  }
  for fold in folds {
    for leaf in shuffle(Array(fold.interval)) {
      let buffer = fold.takeBuffer()
      KnownLeaves.fill(buffer, leaf: leaf, count: elementCount)
      #expect(!fold.isComplete)
      fold.complete(leaf: leaf, buffer: buffer)
    }
    #expect(fold.isComplete)
  }
  let plan = ExchangeLayout(leafCount: leafCount, worldSize: worldSize, elementCount: elementCount)
  #expect(folds.flatMap(\.nodeRanges) == plan.nodes)
  return [Float](unsafeUninitializedCapacity: elementCount) { result, count in
    for slice in plan.slices {
      let parts = folds.flatMap { fold in
        fold.nodeRanges.indices.map { fold.node($0) + slice.lowerBound }
      }
      plan.finish(
        parts: parts, count: slice.count,
        into: result.baseAddress! + slice.lowerBound)
    }
    count = elementCount
  }
}

@Suite struct ReductionTests {
  @Test(arguments: 1...70) func everyWorldSizeGivesTheBitsOfTheTree(leafCount: Int) {
    var random = SystemRandomNumberGenerator()
    let elementCount = 83
    let expected = canonicalReference(leafCount: leafCount, elementCount: elementCount)
    for worldSize in 1...17 {
      let sum = simulatedReduction(
        leafCount: leafCount, worldSize: worldSize, elementCount: elementCount
      ) { $0.shuffled(using: &random) }
      #expect(
        sum.map(\.bitPattern) == expected.map(\.bitPattern), "leaves \(leafCount), ranks \(worldSize)")
    }
  }

  @Test func theKnownLeavesTellOrdersApart() {
    // A left-to-right sum and a sum of per-rank sums are other orders; a test that they pass proves nothing.
    for leafCount in 4...70 {
      let expected = canonicalReference(leafCount: leafCount, elementCount: 200)
      let leftToRight = (0..<200).map { element in
        (0..<leafCount).reduce(Float(0)) { $0 + KnownLeaves.value(leaf: $1, element: element) }
      }
      #expect(expected != leftToRight, "leaves \(leafCount)")
    }
  }

  @Test(arguments: [0, 1, 5, 16, 17, 8191, 30001]) func anyElementCount(elementCount: Int) {
    for (leafCount, worldSize) in [(1, 4), (3, 5), (7, 3), (12, 8), (6, 17)] {
      let sum = simulatedReduction(
        leafCount: leafCount, worldSize: worldSize, elementCount: elementCount
      ) { $0.reversed() }
      let expected = canonicalReference(leafCount: leafCount, elementCount: elementCount)
      #expect(sum.map(\.bitPattern) == expected.map(\.bitPattern))
    }
  }

  @Test func slicesCoverTheElementsInWholeCacheLines() {
    for elementCount in [0, 1, 15, 16, 17, 100, 836_096, 836_097] {
      for worldSize in 1...17 {
        let slices = ExchangeLayout.slices(of: elementCount, worldSize: worldSize)
        #expect(slices.count == worldSize && slices[0].lowerBound == 0)
        #expect(slices.last!.upperBound == elementCount)
        for (slice, next) in zip(slices, slices.dropFirst()) {
          #expect(slice.upperBound == next.lowerBound)
          #expect(slice.upperBound % 16 == 0 || slice.upperBound == elementCount)
        }
      }
    }
  }

  @Test(arguments: [1, 2, 3, 7, 8, 21, 64]) func threadsMayFinishInAnyOrder(leafCount: Int) async {
    let elementCount = 1003
    let fold = LeafFold(leafCount: leafCount, interval: 0..<leafCount, elementCount: elementCount)
    let expected = canonicalReference(leafCount: leafCount, elementCount: elementCount)
    for _ in 0..<5 {
      let order = (0..<leafCount).shuffled()
      await withTaskGroup(of: Void.self) { group in
        for worker in 0..<4 {
          group.addTask {
            for leaf in order[...].enumerated().filter({ $0.offset % 4 == worker }).map(\.element) {
              let buffer = fold.takeBuffer()
              KnownLeaves.fill(buffer, leaf: leaf, count: elementCount)
              fold.complete(leaf: leaf, buffer: buffer)
            }
          }
        }
      }
      #expect(fold.nodeRanges == [0..<leafCount] && fold.isComplete)
      let sum = Array(UnsafeBufferPointer(start: fold.node(0), count: elementCount))
      #expect(sum.map(\.bitPattern) == expected.map(\.bitPattern))
      fold.recycle()
      #expect(!fold.isComplete)
    }
  }

  @Test func leavesInOrderNeedFewBuffersAndLaterStepsNone() {
    let pool = BufferPool(elementCount: 64)
    let fold = LeafFold(leafCount: 64, interval: 0..<64, pool: pool)
    for _ in 0..<3 {
      for leaf in 0..<64 { fold.complete(leaf: leaf, buffer: fold.takeBuffer()) }
      fold.recycle()
      #expect(pool.bufferCount <= 1 + CanonicalTree.depth(leafCount: 64))
    }
  }

  @Test func buffersAreAligned() {
    let pool = BufferPool(elementCount: 7)
    for _ in 0..<9 { #expect(Int(bitPattern: pool.take()) % 64 == 0) }
  }

  @Test func oneRankReducesWithoutMPI() throws {
    let communicator = Communicator.single()
    let exchange = GradientExchange(communicator: communicator, elementCount: 333)
    let records = RecordExchange(communicator: communicator, wordCount: 2)
    let fold = LeafFold(leafCount: 5, interval: 0..<5, elementCount: 333)
    for leaf in [4, 0, 3, 1, 2] {
      let buffer = fold.takeBuffer()
      KnownLeaves.fill(buffer, leaf: leaf, count: 333)
      fold.complete(leaf: leaf, buffer: buffer)
    }
    #expect(exchange.ownNodes(leafCount: 5) == fold.nodeRanges)
    let result = UnsafeMutablePointer<Float>.allocate(capacity: 333)
    defer { result.deallocate() }
    try exchange.reduce(fold, into: result, step: 1)
    #expect(
      Array(UnsafeBufferPointer(start: result, count: 333))
        == canonicalReference(leafCount: 5, elementCount: 333))
    records.own[1] = 42
    try records.exchange(step: 1)
    #expect(records.column(1) == [42] && records[0][0] == 0)
    #expect(try communicator.allgather([1, 2]) == [[1, 2]])
    try communicator.barrier()
    try communicator.finalize()
  }
}
