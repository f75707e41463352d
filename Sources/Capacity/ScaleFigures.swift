// What of its hosts decides how a training scales, measured: α (a message), β (a byte on the wire) and γ (the arithmetic
// of a leaf, of an addition, of an update). scripts/scale_model.py predicts from them.

import DataParallel
import GPTModel
import Kernels
import Platform
import Reduction
import TrainingState

/// The slowest rank's seconds, the same on all ranks.
public struct ScaleFigures: Sendable {
  public let hosts: Int
  /// Of the host with the most.
  public let ranksPerHost: Int
  public let threads: Int
  /// Forward and backward of one sequence on one thread, while all threads of all ranks do the same.
  public let secondsPerSequence: Double
  /// The rest of a rank's own step: packing, update, and the norm of the gradient.
  public let secondsPerUpdate: Double
  /// Two floats in memory that are added into a third, on one thread of each rank.
  public let secondsPerAddedFloat: Double
  /// One meeting of all these ranks.
  public let secondsPerMeeting: Double
  /// Nil on one host.
  public let wire: Wire?
  let configuration: TrainingConfiguration

  /// Between two hosts, with all hosts sending and receiving at once, as the exchange does.
  public struct Wire: Sendable {
    /// From sending to having received.
    public let latency: Double
    /// Of each further message that a rank sends, and takes, in a row.
    public let secondsPerMessage: Double
    /// Of one host, in each direction.
    public let secondsPerByte: Double
  }

  /// Measures for some seconds. All ranks call this together.
  public init(_ configuration: TrainingConfiguration, threads: Int, communicator: Communicator) throws {
    self.configuration = configuration
    self.threads = threads
    hosts = communicator.layout.hosts.count
    ranksPerHost = communicator.layout.mostRanksOfAHost
    try communicator.barrier()
    let calibration = Calibration(configuration, threads: threads, patience: 0.5)
    let size = ParameterTable(configuration.model).arenaCount
    let sample = min(size, Self.mostFloats)
    let (left, right, sum) = (
      FloatArena(count: sample), FloatArena(count: sample), FloatArena(count: sample)
    )
    var norm = 0.0
    let adding = try Self.median(communicator, most: 50) {
      VectorSum.add(left.base, right.base, into: sum.base, count: sample, .float32)
    }
    let squaring = try Self.median(communicator, most: 50) { norm += sumOfSquares(sum.base, count: sample) }
    precondition(norm == 0)
    secondsPerAddedFloat = adding / Double(sample)
    secondsPerSequence = try communicator.slowest(calibration.secondsPerSequence)
    secondsPerUpdate =
      try communicator.slowest(calibration.secondsPerUpdate) + squaring * Double(size) / Double(sample)
    let records = RecordExchange(communicator: communicator, wordCount: 4)
    secondsPerMeeting = try Self.median(communicator, most: 200) { try records.exchange(step: 1) }
    wire = hosts > 1 ? try Wire(floats: sample, adding: secondsPerAddedFloat, communicator) : nil
  }

  /// What a thread reaches with a sequence, while all others do the same.
  public var operationsPerSecond: Double {
    Calibration.work(configuration.model, rows: configuration.model.blockSize) / secondsPerSequence
  }

  /// Of a step's sequences, shared by this many ranks, without the exchange.
  public func secondsPerStep(ranks: Int) -> Double {
    let workers = ranks * threads
    let leaves = (configuration.leafCount + workers - 1) / workers
    return Double(min(leaves * configuration.microbatchSize, configuration.globalBatchSize))
      * secondsPerSequence
      + secondsPerUpdate
  }

  /// A gradient of more is measured by a part of it.
  private static let mostFloats = 1 << 20

  /// The slowest rank's median seconds of `body`, which all ranks begin together: of `most` times, fewer of what is slow.
  fileprivate static func median(_ communicator: Communicator, most: Int, _ body: () throws -> Void) throws
    -> Double
  {
    func once() throws -> Double {
      try communicator.barrier()
      let start = monotonicSeconds()
      try body()
      return monotonicSeconds() - start
    }
    // The first is warm-up; it decides, for all alike, how often there is time for more.
    let first = try communicator.slowest(try once())
    let count = max(5, min(most, Int(1 / max(first, 1e-6))))
    let seconds = try (0..<count).map { _ in try once() }.sorted()
    return try communicator.slowest(seconds[count / 2])
  }

  /// For people, with units: subject and text.
  public var lines: [(subject: String, text: String)] {
    func micro(_ seconds: Double) -> String { "\(Readable.fixed(seconds * 1e6, digits: 1)) µs" }
    func milli(_ seconds: Double) -> String { "\(Readable.fixed(seconds * 1e3, digits: 2)) ms" }
    let c = configuration
    let speed =
      "\(milli(secondsPerSequence * Double(c.microbatchSize))) a leaf of "
      + "\(Readable.count(c.microbatchSize, "sequence")) and thread, \(milli(secondsPerUpdate)) an update, "
      + "\(Readable.fixed(secondsPerAddedFloat * 1e9, digits: 3)) ns a float added in memory"
    guard let wire else { return [("speed", speed)] }
    return [
      ("speed", speed),
      (
        "wire",
        "\(micro(wire.latency)) a message, \(micro(wire.secondsPerMessage)) each further one, "
          + "\(Readable.fixed(wire.secondsPerByte * 1e9, digits: 2)) ns a byte, both ways at once "
          + "(\(Readable.fixed(8e-6 / wire.secondsPerByte, digits: 0)) Mbit/s)"
      ),
    ]
  }

  /// What scripts/scale_model.py reads.
  public var json: JSONText {
    var members: [(String, JSONText)] = [
      ("hosts", .integer(hosts)), ("ranks_per_host", .integer(ranksPerHost)), ("threads", .integer(threads)),
      ("seconds_per_sequence", .real(secondsPerSequence)), ("seconds_per_update", .real(secondsPerUpdate)),
      ("seconds_per_added_float", .real(secondsPerAddedFloat)),
      ("seconds_per_meeting", .real(secondsPerMeeting)),
    ]
    if let wire {
      members += [
        ("seconds_of_latency", .real(wire.latency)), ("seconds_per_message", .real(wire.secondsPerMessage)),
        ("seconds_per_byte", .real(wire.secondsPerByte)),
      ]
    }
    let sizes = [
      "n-embd", "n-layer", "n-head", "block-size", "batch-size", "micro-batch-size", "reduce-dtype",
    ]
    let settings = SettingsTable.all.filter { sizes.contains($0.name) }
    return .object(
      members + [
        (
          "settings",
          .object(
            [("vocab-size", .string("\(configuration.model.vocabularySize)"))]
              + settings.map { ($0.name, .string($0.text(in: configuration))) })
        )
      ])
  }
}

extension ScaleFigures.Wire {
  /// From three exchanges that differ in messages and bytes alone, each with one node a host.
  fileprivate init(floats: Int, adding: Double, _ communicator: Communicator) throws {
    let (hosts, ranks) = (communicator.layout.hosts.count, communicator.layout.mostRanksOfAHost)
    func seconds(floats: Int, buckets: Int) throws -> Double {
      let exchange = try GradientExchange(
        communicator: communicator, elementCount: floats, leafCount: hosts,
        buckets: (0..<buckets).map { floats / buckets * $0..<floats / buckets * ($0 + 1) })
      var step = 0
      return try ScaleFigures.median(communicator, most: 50) {
        step += 1
        try exchange.reduce(step: step)
      }
    }
    let smallest = 16 * hosts * ranks
    let manyBuckets = max(2, 256 / hosts)
    let one = try seconds(floats: smallest, buckets: 1)
    let many = try seconds(floats: smallest * manyBuckets, buckets: manyBuckets)
    let large = max(floats, 1 << 18) / smallest * smallest
    let whole = try seconds(floats: large, buckets: 1)
    // Per bucket a rank sends its node to each owner and its sum to each host.
    let messages = 2 * (hosts - 1)
    let perMessage = max(0, (many - one) / Double(messages * (manyBuckets - 1)))
    secondsPerMessage = perMessage
    latency = max(0, one - perMessage * Double(messages)) / 2
    let bytes = 8 * Double(large) * (1 - 1 / Double(hosts))
    let additions = Double(hosts - 1) * Double(large) / Double(hosts * ranks)
    secondsPerByte = max(1e-12, (whole - one - additions * adding) / bytes)
  }
}

extension Communicator {
  /// The largest of all ranks' numbers.
  package func slowest(_ seconds: Double) throws -> Double {
    var writer = ByteWriter()
    writer.append(seconds.bitPattern)
    return try allgather(writer.bytes).reduce(0) { longest, bytes in
      var reader = ByteReader(bytes, garbled: RuntimeFailure("the measurement of a rank arrived damaged"))
      return max(longest, Double(bitPattern: try reader.number()))
    }
  }
}
