// The loss on the held-out part, divided among the ranks like a batch.

import Corpora
import DataParallel
import Liveness
import Platform
import Reduction

extension Trainer {
  /// Evaluates `source` with the current weights; all ranks call it.
  func validate(on source: any SequenceSource, _ outputs: TrainingOutputs?) throws -> ValidationMetrics {
    Watchdog.enter(phase: .validation, step: step)
    try pipeline.probe?.willValidate(step: step, rank: communicator.rank)
    let computer = pipeline.computer
    computer.prepare()
    // The profile covers training steps only.
    computer.isProfiled = false
    defer { computer.isProfiled = profile.isEnabled }
    let microbatch = configuration.microbatchSize
    let leafCount = (source.count + microbatch - 1) / microbatch
    let interval = LeafIntervals(leafCount: leafCount, worldSize: communicator.worldSize)[communicator.rank]
    var losses: [Double] = []
    var targets = 0
    var pace = ValidationPace(threads: settings.threads)
    func report(_ done: Int, secondsLeft: Double?) {
      outputs?.validating(
        ValidationProgress(
          step: step, epoch: batches.position(ofStep: step).epoch,
          fraction: Double(done) / Double(max(1, interval.count)), secondsLeft: secondsLeft))
    }
    report(0, secondsLeft: nil)
    let reading = read {
      var first = interval.lowerBound
      while first < interval.upperBound {
        Watchdog.beat()
        tokens.removeAll()
        let end = min(first + pace.round, interval.upperBound)
        for leaf in first..<end {
          try tokens.appendLeaf(leaf * microbatch..<min((leaf + 1) * microbatch, source.count), of: source)
        }
        losses += computer.losses(tokens)
        targets += (0..<tokens.leafCount).reduce(0) { $0 + tokens.targetCount(ofLeaf: $1) }
        first = end
        let left = pace.finished(end - interval.lowerBound, of: interval.count)
        if let left { report(end - interval.lowerBound, secondsLeft: left) }
      }
    }
    var writer = ByteWriter()
    writer.append(UInt8(inbox.look().contains(.stop) ? 1 : 0))
    writer.append(UInt8((try? reading.get()) == nil ? 0 : 1))
    writer.append(targets)
    writer.append(list: losses.map(\.bitPattern))
    var (sums, total, stops, isRead): ([Double], Int, Bool, Bool) = ([], 0, false, true)
    for bytes in try communicator.allgather(writer.bytes) {
      var reader = ByteReader(bytes, garbled: RuntimeFailure("the validation of a rank arrived damaged"))
      stops = try reader.number(UInt8.self) == 1 || stops
      isRead = try reader.number(UInt8.self) == 1 && isRead
      total += try reader.number(Int.self)
      sums += try reader.list(of: UInt64.self).map(Double.init(bitPattern:))
    }
    if !isRead { try end(because: reading, outputs) }
    let loss = CanonicalTree.sum(sums) / Double(total)
    var isBest = false
    live.change { isBest = $0.record(validationLoss: loss) }
    profile.lap(.validation)
    return ValidationMetrics(
      step: step, epoch: batches.position(ofStep: step).epoch, loss: loss, isBest: isBest, stops: stops)
  }
}

/// Leaves are evaluated in rounds, so that memory does not grow with the corpus, and progress can be told.
/// Their losses are added afterwards: rounds decide no bit.
struct ValidationPace {
  /// Leaves of the next round.
  private(set) var round: Int
  private let most: Int
  private let begin: Double
  private var roundBegin: Double

  /// Seconds of a round that is long enough to keep threads busy.
  private static let longRound = 0.25

  /// - Parameter begin: seconds of a clock that never goes back.
  init(threads: Int, begin: Double = monotonicSeconds()) {
    round = threads
    most = 8 * threads
    self.begin = begin
    roundBegin = begin
  }

  /// A round has ended.
  /// - Returns: seconds left; nil at the end.
  mutating func finished(_ done: Int, of total: Int, at now: Double = monotonicSeconds()) -> Double? {
    if now - roundBegin < Self.longRound { round = min(most, 2 * round) }
    roundBegin = now
    let elapsed = now - begin
    guard elapsed > 0, done < total else { return nil }
    return elapsed / Double(done) * Double(total - done)
  }
}
