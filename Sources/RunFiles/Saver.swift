// Everything about saving on rank 0: in the background while training goes on, and as a last resort when a signal
// leaves no time for the step in hand. No thread is kept waiting by a lock while a file is written.

import CheckpointFamilies
import Checkpointing
import Foundation
import Platform
import Training
import TrainingState

/// The checkpoints of a run. Calls come from one thread at a time.
package final class Saver: @unchecked Sendable {
  /// A save that has come to its end.
  package struct Outcome: Sendable {
    package let progress: TrainingProgress
    package let isBest, isFinal: Bool
    /// Why it is not on the disk, or not under each of its names.
    package let error: (any Error)?

    fileprivate init(_ job: Job, _ error: (any Error)? = nil) {
      progress = job.snapshot.training?.progress ?? TrainingProgress()
      (isBest, isFinal) = (job.isBest, job.isFinal)
      self.error = error
    }
  }

  fileprivate struct Job {
    let snapshot: TrainingSnapshot
    let isBest: Bool
    let isFinal: Bool
  }

  private let rotation: CheckpointRotation
  private let lock: OutputLock
  private let live: LiveState
  private let metrics: MetricsFile?
  private let probe: (any TrainingProbe)?
  private let whenEnded: @Sendable (Outcome) -> Void
  private var threads: [BackgroundThread] = []
  /// Files of the run that this one replaces, until its first save. Whoever writes has it.
  private var replaced: [CheckpointRotation.Sibling]

  /// Guards what follows; held only to look at it and change it.
  private let condition = NSCondition()
  private var job: Job?
  /// Somebody writes; `copy` is theirs.
  private var isBusy = false
  private var hasEnded = false
  private var savedStep: Int
  /// Of the state that is surely on the disk; 0 where none of this training is.
  private var writtenStep: Int
  private var lastFailure: (any Error)?
  private var isFlushingMetrics = false
  /// The last resort has named this one.
  private var announcedStep = -1
  /// One, reused: memory does not grow, and a second save waits for the first.
  private var copy = SnapshotCopy()

  /// A final save that failed decides the exit status.
  package private(set) var finalSaveFailed = false

  /// For the ranks to agree on a stop and for rank 0 to save then, which is the better end of a SIGTERM.
  private static let patience = 0.2
  /// A last resort has a second in all. Lines that are missing then are noticed by the run that resumes.
  private static let metricsPatience = 0.3
  /// A save is about 30 ms of work for the default model: at this niceness it takes a thirtieth of a busy core, so
  /// that no step is held up by more than 5 ms and a save ends within a second.
  private static let niceness: Int32 = 15

  /// - Parameters:
  ///   - lock: of the checkpoint; released at the end.
  ///   - metrics: never behind a checkpoint.
  ///   - replaced: what goes with the first save.
  ///   - whenEnded: called on any thread when a save has come to its end.
  /// - Throws: `RuntimeFailure` when the system gives no thread.
  package init(
    _ rotation: CheckpointRotation, lock: OutputLock, metrics: MetricsFile?, live: LiveState,
    replacing replaced: [CheckpointRotation.Sibling] = [],
    probe: (any TrainingProbe)?,
    whenEnded: @escaping @Sendable (Outcome) -> Void = { _ in }
  ) throws {
    self.rotation = rotation
    self.lock = lock
    self.metrics = metrics
    self.live = live
    self.probe = probe
    self.whenEnded = whenEnded
    self.replaced = replaced
    savedStep = live.step
    writtenStep = live.step
    threads = [
      try BackgroundThread(name: "saver", niceness: Self.niceness) { [self] in runJobs() },
      try BackgroundThread(name: "last resort") { [self] in watchForTermination() },
    ]
  }

  /// Copies the state and returns; the file is written meanwhile. Waits first, if the last save is still going on, and
  /// afterwards, if this is the final one.
  package func save(_ snapshot: TrainingSnapshot, isBest: Bool, isFinal: Bool) {
    claim()
    let own = copy.take(snapshot)
    condition.withLock {
      job = Job(snapshot: own, isBest: isBest, isFinal: isFinal)
      savedStep = own.step
      condition.broadcast()
    }
    guard isFinal else { return }
    condition.withLock {
      while isBusy { condition.wait() }
      finalSaveFailed = lastFailure != nil
    }
  }

  /// What a save that is under way waits for, in words; nil if there is none.
  package var waitedFor: String? {
    condition.withLock {
      guard isBusy else { return nil }
      return isFlushingMetrics ? "the disk of the metrics" : "the disk of checkpoint \(rotation.path)"
    }
  }

  /// Nothing is written after this.
  package func end() {
    condition.withLock {
      while isBusy { condition.wait() }
      hasEnded = true
      condition.broadcast()
    }
    for thread in threads { thread.join() }
    lock.release()
  }

  /// Waits until nobody writes, and is then the one who does.
  private func claim() {
    condition.withLock {
      while isBusy { condition.wait() }
      isBusy = true
    }
  }

  private func release(_ failure: (any Error)?) {
    condition.withLock {
      lastFailure = failure
      job = nil
      isBusy = false
      condition.broadcast()
    }
  }

  /// The thread that saves in the background.
  private func runJobs() {
    while true {
      let next: Job? = condition.withLock {
        while job == nil, !hasEnded { condition.wait() }
        return job
      }
      guard let next else { return }
      do {
        try write(next.snapshot, isBest: next.isBest)
        whenEnded(Outcome(next))
        release(nil)
      } catch {
        report(error, in: next)
        whenEnded(Outcome(next, error))
        release(error)
      }
    }
  }

  private func report(_ error: any Error, in job: Job) {
    let written = condition.withLock { writtenStep }
    let stands =
      written > 0 ? "\(rotation.path) is of step \(written)" : "no earlier one of this training is saved"
    guard job.isFinal else {
      return printError("warning: no checkpoint was saved: \(error); \(stands), training goes on")
    }
    printError(
      "error: the state after step \(job.snapshot.step) was not saved completely: \(error); \(stands)")
  }

  /// - Parameter seconds: what the metrics' disk may take.
  private func write(_ snapshot: TrainingSnapshot, isBest: Bool, metricsWithin seconds: Double = 1e9) throws {
    condition.withLock { isFlushingMetrics = metrics != nil }
    metrics?.flush(upTo: snapshot.step, within: seconds)
    condition.withLock { isFlushingMetrics = false }
    let (probe, step) = (probe, snapshot.step)
    try rotation.save(snapshot, isBest: isBest, insteadOf: replaced) { phase in
      // Under its first name; the kept step's and the best's follow.
      if phase == .renamed { condition.withLock { writtenStep = step } }
      try probe?.saving(phase, step: step)
    }
    replaced = []
  }

  // MARK: The last resort

  /// The thread that, when a step outlasts the patience after a SIGTERM, saves the step before it: mpirun kills ranks
  /// a second after its SIGTERM, finished with their step or not.
  private func watchForTermination() {
    var continuations = SignalRequests.continuationCount
    while !condition.withLock({ hasEnded }) {
      usleep(20_000)
      let isUrgent = live.lastStepSeconds > Self.patience
      if let seconds = SignalRequests.secondsSinceTermination, seconds >= Self.patience || isUrgent {
        return saveAsLastResort(because: "SIGTERM")
      }
      // mpirun announces its SIGTERM. If this is not one, the training has a checkpoint more than it needs.
      if SignalRequests.continuationCount != continuations {
        continuations = SignalRequests.continuationCount
        if isUrgent { _ = saveLastFinishedStep() }
      }
    }
  }

  /// - Returns: the step that is safe now, and whether all ranks are known to have its weights; nil where nothing is
  ///   saved or the run has ended.
  private func saveLastFinishedStep() -> (step: Int, isCompared: Bool)? {
    claim()
    let hadEnded = condition.withLock { hasEnded }
    let before = condition.withLock { savedStep }
    guard !hadEnded, live.step > before else {
      let failure = condition.withLock { lastFailure }
      release(failure)
      return hadEnded || before == 0 || failure != nil ? nil : (before, true)
    }
    let snapshot = live.copy(into: &copy)
    do {
      // Here and now: the background thread gives way to those that compute.
      try write(snapshot, isBest: false, metricsWithin: Self.metricsPatience)
      condition.withLock { savedStep = snapshot.step }
      whenEnded(Outcome(Job(snapshot: snapshot, isBest: false, isFinal: true)))
      release(nil)
      return (snapshot.step, snapshot.training?.progress.isCompared == true)
    } catch {
      printError("warning: the last finished step could not be saved: \(error)")
      release(error)
      return nil
    }
  }

  /// - Returns: whether nobody has said so before.
  private func announce(_ step: Int) -> Bool {
    condition.withLock {
      defer { announcedStep = step }
      return announcedStep != step
    }
  }

  /// From any thread, when this process is about to end.
  package func saveAsLastResort(because cause: String) {
    guard let saved = saveLastFinishedStep() else { return }
    // A SIGTERM and the loss of a rank often come together.
    guard announce(saved.step) else { return }
    let caveat = saved.isCompared ? "" : ", not compared with the other ranks,"
    printError(
      "\(cause): the state after step \(saved.step) is saved\(caveat) and resumable with --resume "
        + "--checkpoint \(shellQuoted(rotation.path))")
  }
}

extension TrainingSnapshot {
  fileprivate var step: Int { training?.progress.step ?? 0 }
}
