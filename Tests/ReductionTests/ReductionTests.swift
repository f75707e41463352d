// Folding and reduction with all ranks simulated in one process: same plan, same additions, no MPI.

import Glibc
import Synchronization
import Testing

@testable import Reduction
@testable import data_parallel_check

/// Ranks dealt out to hosts: all on one, one on each, in blocks, in turn.
func layouts(worldSize: Int) -> [HostLayout] {
  let ways: [(Int) -> Int] = [
    { _ in 0 }, { $0 }, { $0 * 2 / worldSize }, { $0 % 3 }, { $0 / 3 }, { min($0, 1) },
  ]
  return ways.map { way in HostLayout(names: (0..<worldSize).map(way)) }
}

/// Memory of one rank's nodes.
private final class Nodes {
  let memory: [UnsafeMutablePointer<Float>]
  init(_ count: Int, elementCount: Int) {
    memory = (0..<count).map { _ in .allocate(capacity: elementCount + 16) }
  }
  deinit { for block in memory { block.deallocate() } }
}

/// Reduces known leaves with simulated ranks; leaves are delivered in the order of `shuffle`.
func simulatedReduction(
  leafCount: Int, layout: HostLayout, elementCount: Int, precision: ReductionPrecision = .float32,
  shuffle: ([Int]) -> [Int]
) -> [Float] {
  let plan = ReductionPlan(leafCount: leafCount, layout: layout)
  let nodes = plan.nodesOfRank.map { Nodes($0.count, elementCount: elementCount) }
  for rank in 0..<layout.worldSize {
    let fold = LeafFold(
      leafCount: leafCount, interval: plan.intervals[rank], elementCount: elementCount, threads: leafCount,
      destinations: nodes[rank].memory, precision: precision)
    #expect(fold.nodeRanges == plan.nodesOfRank[rank])
    for leaf in shuffle(Array(fold.interval)) {
      let buffer = fold.takeBuffer(for: leaf)
      KnownLeaves.fill(buffer, leaf: leaf, count: elementCount)
      #expect(!fold.isComplete)
      fold.complete(leaf: leaf, buffer: buffer)
    }
    #expect(fold.isComplete)
  }
  var covered = 0
  return [Float](unsafeUninitializedCapacity: elementCount) { result, count in
    for piece in plan.pieces(of: 0..<elementCount) {
      #expect(piece.elements.lowerBound == covered && piece.handlers.count == layout.hosts.count)
      #expect(piece.elements.isEmpty || piece.elements.lowerBound % 16 == 0)
      covered = piece.elements.upperBound
      let (first, length) = (piece.elements.lowerBound, piece.elements.count)
      let parts = layout.hosts.enumerated().flatMap { host, ranks in
        let own = ranks.flatMap { nodes[$0].memory.map { $0 + first } }
        plan.onHost[host].run(parts: own, count: length, precision: precision)
        return plan.onHost[host].places.map { own[$0] }
      }
      plan.acrossHosts.run(
        parts: parts, count: length, precision: precision, into: result.baseAddress.map { $0 + first })
    }
    #expect(covered == elementCount)
    count = elementCount
  }
}

@Suite struct ReductionTests {
  @Test(arguments: 1...70) func everyLayoutGivesTheBitsOfTheTree(leafCount: Int) {
    var random = SystemRandomNumberGenerator()
    let elementCount = 83
    for precision in ReductionPrecision.allCases {
      let expected = KnownLeaves.sum(leafCount: leafCount, elementCount: elementCount, precision: precision)
      for worldSize in 1...(precision == .float32 ? 17 : 5) {
        for layout in layouts(worldSize: worldSize) {
          let sum = simulatedReduction(
            leafCount: leafCount, layout: layout, elementCount: elementCount, precision: precision
          ) { $0.shuffled(using: &random) }
          #expect(
            sum.map(\.bitPattern) == expected.map(\.bitPattern),
            "leaves \(leafCount), hosts \(layout.hosts), \(precision)")
        }
      }
    }
  }

  @Test func theKnownLeavesTellOrdersApart() {
    // A left-to-right sum and a sum of per-rank sums are other orders; a test that they pass proves nothing.
    for leafCount in 4...70 {
      let expected = KnownLeaves.sum(leafCount: leafCount, elementCount: 200)
      let leftToRight = (0..<200).map { element in
        (0..<leafCount).reduce(Float(0)) { $0 + KnownLeaves.value(leaf: $1, element: element) }
      }
      #expect(expected != leftToRight, "leaves \(leafCount)")
    }
  }

  @Test(arguments: [0, 1, 5, 16, 17, 8191, 30001]) func anyElementCount(elementCount: Int) {
    for (leafCount, worldSize) in [(1, 4), (3, 5), (7, 3), (12, 8), (6, 17)] {
      let expected = KnownLeaves.sum(leafCount: leafCount, elementCount: elementCount)
      for layout in layouts(worldSize: worldSize) {
        let sum = simulatedReduction(
          leafCount: leafCount, layout: layout, elementCount: elementCount
        ) { $0.reversed() }
        #expect(sum.map(\.bitPattern) == expected.map(\.bitPattern))
      }
    }
  }

  @Test(arguments: [1, 2, 3, 7, 8, 21, 64]) func threadsMayFinishInAnyOrder(leafCount: Int) async {
    let elementCount = 1003
    let nodes = Nodes(1, elementCount: elementCount)
    let fold = LeafFold(
      leafCount: leafCount, interval: 0..<leafCount, elementCount: elementCount, threads: leafCount,
      destinations: nodes.memory, buckets: [640..<1003, 16..<640, 0..<16])
    let expected = KnownLeaves.sum(leafCount: leafCount, elementCount: elementCount)
    for _ in 0..<5 {
      let order = (0..<leafCount).shuffled()
      let ends = await withTaskGroup(of: [Int].self) { group in
        for worker in 0..<4 {
          group.addTask {
            var ends = [0, 0, 0]
            for leaf in order[...].enumerated().filter({ $0.offset % 4 == worker }).map(\.element) {
              let buffer = fold.takeBuffer(for: leaf)
              KnownLeaves.fill(buffer, leaf: leaf, count: elementCount)
              for bucket in 0..<3 {
                if fold.complete(bucket, ofLeaf: leaf, buffer: buffer) { ends[bucket] += 1 }
              }
            }
            return ends
          }
        }
        return await group.reduce([0, 0, 0]) { sum, own in zip(sum, own).map(+) }
      }
      #expect(ends == [1, 1, 1], "every bucket ends once")
      #expect(fold.nodeRanges == [0..<leafCount] && fold.isComplete)
      let sum = Array(UnsafeBufferPointer(start: fold.node(0), count: elementCount))
      #expect(sum.map(\.bitPattern) == expected.map(\.bitPattern))
      fold.recycle()
      #expect(!fold.isComplete)
    }
  }

  @Test func leavesInOrderNeedFewBuffersAndLaterStepsNone() {
    let nodes = Nodes(1, elementCount: 64)
    let fold = LeafFold(
      leafCount: 64, interval: 0..<64, elementCount: 64, threads: 1, destinations: nodes.memory)
    for _ in 0..<3 {
      for leaf in 0..<64 { fold.complete(leaf: leaf, buffer: fold.takeBuffer(for: leaf)) }
      fold.recycle()
      #expect(fold.bufferCount <= CanonicalTree.depth(leafCount: 64))
    }
  }

  /// One thread sleeps in every fifth leaf, at worst while it holds no buffer yet.
  @Test func aSlowThreadMakesTheOthersWaitNotTheMemoryGrow() async {
    let nodes = Nodes(1, elementCount: 64)
    let fold = LeafFold(
      leafCount: 64, interval: 0..<64, elementCount: 64, threads: 3, destinations: nodes.memory)
    for delayed in [false, true] {
      let next = Counter()
      await withTaskGroup(of: Void.self) { group in
        for worker in 0..<3 {
          group.addTask {
            while let leaf = next.take(below: 64) {
              let isSlow = worker == 0 && leaf % 5 == 0
              if isSlow && delayed { usleep(20_000) }
              let buffer = fold.takeBuffer(for: leaf)
              KnownLeaves.fill(buffer, leaf: leaf, count: 64)
              if isSlow && !delayed { usleep(20_000) }
              fold.complete(leaf: leaf, buffer: buffer)
            }
          }
        }
      }
      #expect(
        (0..<64).map { fold.node(0)[$0].bitPattern }
          == KnownLeaves.sum(leafCount: 64, elementCount: 64).map(\.bitPattern))
      fold.recycle()
      #expect(fold.bufferCount <= 3 + CanonicalTree.depth(leafCount: 64))
    }
  }

  @Test func buffersAreAlignedAndLimited() {
    let pool = BufferPool(elementCount: 7, limit: 9)
    for _ in 0..<8 { #expect(Int(bitPattern: pool.take(reserve: 1)!) % 64 == 0) }
    #expect(pool.take(reserve: 1) == nil)
    #expect(pool.take() != nil && pool.take() == nil)
  }

  @Test func roundingToBFloat16() {
    var values: [Float] = [
      0, -0.0, 1, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
    ]
    for _ in 0..<10_000 { values.append(Float(bitPattern: .random(in: 0...UInt32.max))) }
    // Ties in both directions.
    for half: UInt32 in [0x3F80_8000, 0x3F81_8000, 0xBF80_8000, 0xBF81_8000] {
      values.append(Float(bitPattern: half))
    }
    var rounded = values
    rounded.withUnsafeMutableBufferPointer { BFloat16.round($0.baseAddress!, count: $0.count) }
    for (value, result) in zip(values, rounded) {
      if value.isNaN {
        #expect(result.isNaN)
      } else {
        #expect(
          result.bitPattern == KnownLeaves.nearestBFloat16(value).bitPattern, "\(value) becomes \(result)")
      }
    }
    var words = [UInt16](repeating: 0, count: rounded.count)
    var back = rounded
    BFloat16.pack(rounded, into: &words, count: words.count)
    BFloat16.unpack(words, into: &back, count: words.count)
    #expect(back.map(\.bitPattern) == rounded.map(\.bitPattern))
  }
}

/// Numbers in order, for several tasks.
private final class Counter: Sendable {
  private let next = Atomic<Int>(0)
  func take(below end: Int) -> Int? {
    let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
    return number < end ? number : nil
  }
}
