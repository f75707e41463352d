// Weights, moments and progress while they change. The training thread changes them; a saving thread may read
// the last finished step at any time. The lock is held for an update or for a copy in memory, never while
// waiting for a peer, a disk or a terminal.

import GPTModel
import Kernels
import Synchronization
import TrainingState

public final class LiveState: Sendable {
  private struct Guarded {
    var snapshot: TrainingSnapshot
    var stepSeconds = 0.0
  }

  private let guarded: Mutex<Guarded>
  /// The snapshot's, for the training thread.
  let weights: FloatArena
  let moments: [FloatArena]

  init(_ snapshot: TrainingSnapshot, moments: [FloatArena]) {
    weights = snapshot.weights
    self.moments = moments
    guarded = Mutex(Guarded(snapshot: snapshot))
  }

  /// Changes the state atomically, as `body` does.
  func change(_ body: (inout TrainingProgress) -> Void) {
    guarded.withLock { guarded in
      guard var progress = guarded.snapshot.training?.progress else { return }
      // Moved out and back: the history of losses is not copied.
      guarded.snapshot.training?.progress = TrainingProgress()
      body(&progress)
      guarded.snapshot.training?.progress = progress
    }
  }

  /// The state after the last finished step; shares its weights and moments, which the next step changes. For
  /// the training thread only.
  var snapshot: TrainingSnapshot { guarded.withLock { $0.snapshot } }

  var progress: TrainingProgress { guarded.withLock { $0.snapshot.training?.progress } ?? TrainingProgress() }

  /// The training's state after the last finished step; shares its moments.
  public var state: TrainingState? { guarded.withLock { $0.snapshot.training } }

  /// Steps done; for any thread.
  public var step: Int { guarded.withLock { $0.snapshot.training?.progress.step } ?? 0 }

  /// How long the last step took; for any thread.
  public var lastStepSeconds: Double { guarded.withLock { $0.stepSeconds } }

  func setStepSeconds(_ seconds: Double) { guarded.withLock { $0.stepSeconds = seconds } }

  /// The state after the last finished step, in memory of its own; for any thread.
  public func copy(into copy: inout SnapshotCopy) -> TrainingSnapshot {
    guarded.withLock { copy.take($0.snapshot) }
  }
}

/// Memory for the copy of a state, reused from save to save so that memory does not grow.
public struct SnapshotCopy: Sendable {
  /// Weights, then moments.
  private var arenas: [FloatArena] = []

  public init() {}

  /// - Returns: `snapshot` with its floats in this memory.
  public mutating func take(_ snapshot: TrainingSnapshot) -> TrainingSnapshot {
    let sources = [snapshot.weights] + (snapshot.training?.moments ?? [])
    if arenas.map(\.count) != sources.map(\.count) { arenas = sources.map { FloatArena(count: $0.count) } }
    for (arena, source) in zip(arenas, sources) { arena.copy(from: source) }
    var copy = snapshot
    copy.weights = arenas[0]
    copy.training?.moments = Array(arenas.dropFirst())
    return copy
  }
}
