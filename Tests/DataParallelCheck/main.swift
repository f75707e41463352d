// What DataParallelTests runs under mpirun: the real communicator and exchanges on known data. Not a product.
//
//   data-parallel-check exchange               one line per case with the hash of the reduced gradient
//   data-parallel-check bench <floats> <n>     milliseconds of ours and of MPI_Allreduce
//   data-parallel-check loop <seconds> <hang timeout>   steps until asked to stop by a signal: exit 75
//   data-parallel-check die <rank>             this rank kills itself at step 3, unless --resume is given
//   data-parallel-check stuck <rank> <hang timeout>     this rank's main thread stops polling at step 3
//   data-parallel-check root-work <seconds> <patience>  rank 0 alone works for so long, the hang timeout is 1 s; with a
//                                                       patience, rank 1 is asked to stop at once
//   data-parallel-check root-fails             rank 0 alone finds its input bad
//   data-parallel-check each-work <seconds> [rank]     all ranks but 1 work, twice the hang timeout; one fails
//   data-parallel-check stream <bytes> [rank]          rank 0 sends bytes to ranks 1, 3, …; one cannot write them
//   data-parallel-check disagree | diverge     ranks with other data, with other weights
//   data-parallel-check launch <np> <mode>...          starts itself under mpirun
//   data-parallel-check supervise <np> <mode>...       the same, with two restarts
import DataParallel
import Liveness
import Glibc
import Launching
import Platform
import Reduction
import TerminalDisplay

func reduceKnownLeaves(_ communicator: Communicator) throws {
  let records = RecordExchange(communicator: communicator, wordCount: 1)
  for (step, known) in KnownLeaves.cases.enumerated() {
    let exchange = try GradientExchange(
      communicator: communicator, elementCount: known.elementCount, leafCount: known.leafCount,
      buckets: known.buckets, precision: known.precision, maximumMessageLength: known.maximumMessageLength)
    let fold = exchange.makeFold(threads: 1)
    // Twice, so that buffers are reused.
    for repetition in 0..<2 {
      try exchange.begin()
      for leaf in fold.interval.reversed() {
        let buffer = fold.takeBuffer(for: leaf)
        KnownLeaves.fill(buffer, leaf: leaf, count: known.elementCount)
        for bucket in exchange.buckets.indices {
          if fold.complete(bucket, ofLeaf: leaf, buffer: buffer) { exchange.publish(bucket) }
          try exchange.progress()
        }
      }
      if fold.interval.isEmpty { exchange.buckets.indices.forEach(exchange.publish) }
      try exchange.finish(step: step)
      fold.recycle()
      let hash = KnownLeaves.hash(exchange.sum, count: known.elementCount)
      records.own[0] = hash
      try records.exchange(step: 2 * step + repetition)
      guard records.column(0).allSatisfy({ $0 == hash }) else {
        throw RuntimeFailure("ranks disagree: \(records.column(0))")
      }
      if communicator.isRoot && repetition == 1 {
        print(
          KnownLeaves.line(known, hash: hash))
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
  try StartupAgreement([.init("program", "the same")]).verify(communicator)
  try ReplicaCheck.verify(
    hashes: records.column(0), of: "sums", step: 0, communicator: communicator)
  try communicator.barrier()
}

/// Median milliseconds per call, ours and the library's, interleaved so that both see the same machine.
func bench(_ communicator: Communicator, elementCount: Int, repetitions: Int) throws {
  let leafCount = communicator.worldSize
  let exchange = try GradientExchange(
    communicator: communicator, elementCount: elementCount, leafCount: leafCount)
  let input = UnsafeMutablePointer<Float>.allocate(capacity: elementCount)
  let result = UnsafeMutablePointer<Float>.allocate(capacity: elementCount)
  defer {
    input.deallocate()
    result.deallocate()
  }
  KnownLeaves.fill(input, leaf: communicator.rank, count: elementCount)
  var ours: [Double] = []
  var library: [Double] = []
  for repetition in 0..<(repetitions + 3) {
    exchange.nodes[0].update(from: input, count: elementCount)
    try communicator.barrier()
    var start = ContinuousClock.now
    try exchange.reduce(step: repetition)
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

/// Steps of records and exchanges, as training does, until a signal or the time ends them.
func loop(
  _ communicator: Communicator, seconds: Double, hangTimeout: Double, stuckRank: Int? = nil,
  dyingRank: Int? = nil
) throws -> Int32 {
  communicator.hangTimeout = hangTimeout
  SignalRequests.install()
  if communicator.isRoot { try Launcher.listen { _exit(ExitStatus.interrupted) } }
  let records = RecordExchange(communicator: communicator, wordCount: 1)
  let exchange = try GradientExchange(
    communicator: communicator, elementCount: 1000, leafCount: communicator.worldSize)
  let start = ContinuousClock.now
  for step in 1... {
    Watchdog.enter(phase: .gradient, step: step)
    usleep(2000)
    if step == 3 && stuckRank == communicator.rank { sleep(1000) }
    if step == 3 && dyingRank == communicator.rank { kill(getpid(), SIGKILL) }
    var wishes = SignalRequests.take()
    if (ContinuousClock.now - start) / .seconds(1) > seconds { wishes.insert(.stop) }
    records.own[0] = wishes.rawValue
    try records.exchange(step: step)
    // Every rank has sent its record, so every rank's handlers stand.
    if step == 1 && communicator.isRoot {
      print("running")
      fflush(nil)
    }
    let agreed = SignalRequests(rawValue: records.column(0).reduce(0, |))
    try exchange.reduce(step: step)
    if agreed.contains(.checkpoint) && communicator.isRoot {
      print("checkpoint")
      fflush(nil)
    }
    if agreed.contains(.stop) {
      if communicator.isRoot { print("stopped") }
      return agreed.contains(.checkpoint) ? ExitStatus.resumable : ExitStatus.success
    }
  }
  return ExitStatus.failure
}

func rootWork(_ communicator: Communicator, seconds: Int, patience: Int) throws {
  communicator.hangTimeout = 1
  let rank = communicator.rank
  let wait = RootWait(
    for: "a sleep", patience: patience == 0 ? 30 : Double(patience),
    isAskedToStop: { patience > 0 && rank == 1 })
  let result = try communicator.rootWork(wait) {
    sleep(UInt32(seconds))
    return 42
  }
  guard result == (communicator.isRoot ? 42 : nil) else { throw RuntimeFailure("the result is lost") }
  if communicator.isRoot { print("worked") }
}

func run() throws -> Int32 {
  let arguments = CommandLine.arguments.dropFirst()
  if arguments.count > 2, ["launch", "supervise"].contains(arguments.first) {
    let plan = try Launcher.plan(
      processCount: Int(arguments[2]) ?? 0, arguments: Array(arguments.dropFirst(2)))
    print(plan.description)
    fflush(nil)
    if arguments.first == "launch" { return try Launcher.run(plan).status }
    return try Supervisor(maximumRestarts: 2).run(plan)
  }
  let communicator = try Communicator.start(
    joinsJob: LaunchEnvironment.current.startsMPI, launcher: Launcher.ofThisJob)
  if communicator.isRoot { try Display.start(.plain) }
  var status = ExitStatus.success
  do {
    let numbers = arguments.dropFirst().compactMap { Int($0) }
    switch arguments.first {
    case "exchange": try reduceKnownLeaves(communicator)
    case "root-work":
      guard numbers.count == 2 else { throw InvalidInput("root-work needs two numbers") }
      try rootWork(communicator, seconds: numbers[0], patience: numbers[1])
    case "each-work":
      try workEverywhere(communicator, seconds: Double(numbers[0]), failing: numbers.dropFirst().first)
    case "stream":
      try streamKnownBytes(
        communicator, count: numbers[0], failing: numbers.dropFirst().first)
    case "root-fails":
      try communicator.rootWork(RootWait(for: "nothing")) { throw InvalidInput("bad on rank 0") }
    case "disagree":
      try StartupAgreement([.init("data", communicator.isRoot ? "aa" : "bb")]).verify(communicator)
    case "diverge":
      try ReplicaCheck.verify(
        hashes: (0..<communicator.worldSize).map { $0 == 1 ? 6 : 5 }, of: "weights", step: 7,
        communicator: communicator)
    case "bench":
      guard numbers.count == 2 else { throw InvalidInput("bench needs two numbers") }
      try bench(communicator, elementCount: numbers[0], repetitions: numbers[1])
    case "loop":
      guard numbers.count == 2 else { throw InvalidInput("loop needs two numbers") }
      status = try loop(
        communicator, seconds: Double(numbers[0]), hangTimeout: Double(numbers[1]))
    case "die":
      guard numbers.count == 1 else { throw InvalidInput("die needs one number") }
      let isResumed = arguments.contains("--resume")
      status = try loop(
        communicator, seconds: 1, hangTimeout: 20, dyingRank: isResumed ? nil : numbers[0])
    case "stuck":
      guard numbers.count == 2 else { throw InvalidInput("stuck needs two numbers") }
      status = try loop(
        communicator, seconds: 60, hangTimeout: Double(numbers[1]), stuckRank: numbers[0])
    default: throw InvalidInput("unknown mode \(arguments.first ?? "(none)")")
    }
    try communicator.finalize()
    return status
  } catch let failure as AgreedFailure {
    print("error: \(failure.cause)")
    fflush(nil)
    try communicator.finalize()
    return failure.cause is InvalidInput ? ExitStatus.usage : ExitStatus.failure
  } catch let failure as PeerFailure {
    try communicator.finalize()
    return failure.status
  } catch {
    print("error: \(error)")
    fflush(nil)
    communicator.abort(error is InvalidInput ? ExitStatus.usage : ExitStatus.failure)
  }
}

do {
  exit(try run())
} catch {
  print("error: \(error)")
  exit(error is InvalidInput ? ExitStatus.usage : ExitStatus.failure)
}
