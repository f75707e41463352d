// One rank without MPI: the same calls, nobody to talk to.

import DataParallel
import Reduction
import Testing

@testable import data_parallel_check

@Suite struct SingleRankTests {
  @Test func oneRankReducesWithoutMPI() throws {
    let communicator = Communicator.single()
    let exchange = try GradientExchange(communicator: communicator, elementCount: 333, leafCount: 5)
    let records = RecordExchange(communicator: communicator, wordCount: 2)
    let fold = exchange.makeFold(threads: 5)
    for leaf in [4, 0, 3, 1, 2] {
      let buffer = fold.takeBuffer(for: leaf)
      KnownLeaves.fill(buffer, leaf: leaf, count: 333)
      fold.complete(leaf: leaf, buffer: buffer)
    }
    try exchange.reduce(step: 1)
    #expect(
      KnownLeaves.hash(exchange.sum, count: 333)
        == KnownLeaves.hash(KnownLeaves.sum(leafCount: 5, elementCount: 333), count: 333))
    records.own[1] = 42
    try records.exchange(step: 1)
    #expect(records.column(1) == [42] && records[0][0] == 0)
    #expect(try communicator.allgather([1, 2]) == [[1, 2]])
    try communicator.barrier()
    try communicator.finalize()
  }
}
