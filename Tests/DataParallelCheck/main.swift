// What DataParallelTests runs under mpirun: the real communicator and exchanges on known data. Not a product.
//
//   data-parallel-check exchange               one line per case with the hash of the reduced gradient
//   data-parallel-check bench <floats> <n>     milliseconds of ours and of MPI_Allreduce
import DataParallel
import Diagnostics
import Glibc

func reduceKnownLeaves(_ communicator: Communicator) throws {
  let records = RecordExchange(communicator: communicator, wordCount: 1)
  for (step, known) in KnownLeaves.cases.enumerated() {
    let intervals = LeafIntervals(leafCount: known.leafCount, worldSize: communicator.worldSize)
    let fold = LeafFold(
      leafCount: known.leafCount, interval: intervals[communicator.rank], elementCount: known.elementCount)
    let exchange = GradientExchange(
      communicator: communicator, elementCount: known.elementCount,
      maximumMessageLength: known.maximumMessageLength)
    let result = UnsafeMutablePointer<Float>.allocate(capacity: known.elementCount)
    defer { result.deallocate() }
    // Twice, so that buffers are reused.
    for repetition in 0..<2 {
      for leaf in fold.interval.reversed() {
        let buffer = fold.takeBuffer()
        KnownLeaves.fill(buffer, leaf: leaf, count: known.elementCount)
        fold.complete(leaf: leaf, buffer: buffer)
      }
      try exchange.reduce(fold, into: result, step: step)
      fold.recycle()
      let hash = KnownLeaves.hash(result, count: known.elementCount)
      records.own[0] = hash
      try records.exchange(step: 2 * step + repetition)
      guard records.column(0).allSatisfy({ $0 == hash }) else {
        throw RuntimeFailure("ranks disagree: \(records.column(0))")
      }
      if communicator.isRoot && repetition == 1 {
        print(
          KnownLeaves.line(leafCount: known.leafCount, elementCount: known.elementCount, hash: hash))
      }
    }
  }
  let greetings = try communicator.allgather(
    Array(repeating: UInt8(communicator.rank), count: communicator.rank))
  guard greetings.enumerated().allSatisfy({ $1 == Array(repeating: UInt8($0), count: $0) }) else {
    throw RuntimeFailure("allgather mixed up the records")
  }
  var numbers = communicator.isRoot ? Array(0..<1000) : Array(repeating: -1, count: 1000)
  try communicator.broadcast(&numbers)
  guard numbers == Array(0..<1000) else { throw RuntimeFailure("broadcast lost numbers") }
  try communicator.barrier()
}

/// Median milliseconds per call, ours and the library's, interleaved so that both see the same machine.
func bench(_ communicator: Communicator, elementCount: Int, repetitions: Int) throws {
  let leafCount = communicator.worldSize
  let exchange = GradientExchange(communicator: communicator, elementCount: elementCount)
  let pool = BufferPool(elementCount: elementCount)
  let (input, node, result) = (pool.take(), pool.take(), pool.take())
  KnownLeaves.fill(input, leaf: communicator.rank, count: elementCount)
  var ours: [Double] = []
  var library: [Double] = []
  for repetition in 0..<(repetitions + 3) {
    node.update(from: input, count: elementCount)
    try communicator.barrier()
    var start = ContinuousClock.now
    try exchange.reduce(nodes: [node], leafCount: leafCount, into: result, step: repetition)
    let oursTaken = (ContinuousClock.now - start) / .milliseconds(1)
    try communicator.barrier()
    start = .now
    try communicator.libraryAllreduce(input, into: result, count: elementCount)
    let libraryTaken = (ContinuousClock.now - start) / .milliseconds(1)
    // The first calls set connections up.
    if repetition >= 3 {
      ours.append(oursTaken)
      library.append(libraryTaken)
    }
  }
  if communicator.isRoot {
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    func best(_ values: [Double]) -> Double { values.min()! }
    print(
      "np \(communicator.worldSize) ours \(median(ours)) ms (best \(best(ours))), "
        + "MPI_Allreduce \(median(library)) ms (best \(best(library)))")
  }
}

func run() throws {
  let arguments = CommandLine.arguments.dropFirst()
  let communicator = try Communicator.start()
  do {
    switch arguments.first {
    case "exchange": try reduceKnownLeaves(communicator)
    case "bench":
      let numbers = arguments.dropFirst().compactMap { Int($0) }
      guard numbers.count == 2 else { throw InvalidInput("bench needs two numbers") }
      try bench(communicator, elementCount: numbers[0], repetitions: numbers[1])
    default: throw InvalidInput("unknown mode \(arguments.first ?? "(none)")")
    }
    try communicator.finalize()
  } catch {
    print("error: \(communicator.describe(communicator.rank)): \(error)")
    fflush(nil)
    communicator.abort(error is InvalidInput ? ExitStatus.usage : ExitStatus.failure)
  }
}

do {
  try run()
} catch {
  print("error: \(error)")
  exit(error is InvalidInput ? ExitStatus.usage : ExitStatus.failure)
}
