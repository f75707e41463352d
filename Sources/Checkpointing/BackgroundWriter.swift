// Saves while training goes on: a thread of low priority writes a private copy of the state. One copy, reused,
// so memory does not grow; a second save waits for the first.

import Diagnostics
import GPTModel
import Glibc
import Kernels

/// The one thread that saves. All calls are for one thread, the one that trains.
public final class BackgroundWriter: @unchecked Sendable {
  /// What to do with the copy, for example `{ try rotation.save($0, isBest: true) }`.
  public typealias Save = @Sendable (TrainingSnapshot) throws -> Void

  /// Shared with the thread, which may outlive the writer's owner by one save.
  private final class State: @unchecked Sendable {
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// Guarded by `mutex`.
    var job: (snapshot: TrainingSnapshot, save: Save)?
    var failure: (any Error)?
    var isStopping = false
    let onFailure: @Sendable (any Error) -> Void

    init(onFailure: @escaping @Sendable (any Error) -> Void) {
      self.onFailure = onFailure
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(condition, nil)
    }

    deinit {
      pthread_mutex_destroy(mutex)
      pthread_cond_destroy(condition)
      mutex.deallocate()
      condition.deallocate()
    }

    func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      return try body()
    }

    /// Call with the mutex held.
    func waitUntilIdle() { while job != nil { pthread_cond_wait(condition, mutex) } }

    func run() {
      // Of this thread only, in Linux. A save is about 30 ms of work for the default model: at 15 it takes a
      // thirtieth of a busy core, so that no step is held up by more than 5 ms and a save ends within a second.
      _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 15)
      while true {
        let next = locked {
          while job == nil && !isStopping { pthread_cond_wait(condition, mutex) }
          return job
        }
        guard let next else { return }
        var failure: (any Error)?
        do {
          try next.save(next.snapshot)
        } catch {
          failure = error
          onFailure(error)
        }
        locked {
          self.failure = failure
          job = nil
          pthread_cond_broadcast(condition)
        }
      }
    }
  }

  private let state: State
  private var thread = pthread_t()
  /// Reused from save to save. Weights, then first and second moments.
  private var arenas: [FloatArena] = []

  /// - Parameter onFailure: called on the writer's thread for every save that failed: warn loudly there.
  /// - Throws: `RuntimeFailure` when the system gives no thread.
  public init(onFailure: @escaping @Sendable (any Error) -> Void) throws {
    state = State(onFailure: onFailure)
    let context = Unmanaged.passRetained(state)
    let code = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<State>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
    guard code == 0 else {
      context.release()
      throw RuntimeFailure("cannot start the thread that saves checkpoints: \(systemError(code))")
    }
  }

  /// Finishes the save in hand.
  deinit {
    state.locked {
      state.isStopping = true
      pthread_cond_broadcast(state.condition)
    }
    pthread_join(thread, nil)
  }

  /// Copies `snapshot` and returns; `save` gets the copy on the writer's thread. Waits first, if the last save
  /// is still going on.
  public func submit(_ snapshot: TrainingSnapshot, save: @escaping Save) {
    state.locked { state.waitUntilIdle() }
    let copy = privateCopy(of: snapshot)
    state.locked {
      state.job = (copy, save)
      pthread_cond_broadcast(state.condition)
    }
  }

  /// Sets the memory of the copies aside before training begins, so that the first save is as quick as the
  /// others.
  public func reserve(for snapshot: TrainingSnapshot) {
    state.locked { state.waitUntilIdle() }
    _ = privateCopy(of: snapshot)
  }

  /// Waits for the save in hand.
  /// - Throws: what the last save threw, which `onFailure` has seen too.
  public func wait() throws {
    try state.locked {
      state.waitUntilIdle()
      if let failure = state.failure { throw failure }
    }
  }

  private func privateCopy(of snapshot: TrainingSnapshot) -> TrainingSnapshot {
    let optimizer = snapshot.training?.optimizer
    let sources = [snapshot.weights] + (optimizer.map { [$0.m, $0.v] } ?? [])
    if arenas.map(\.count) != sources.map(\.count) { arenas = sources.map { FloatArena(count: $0.count) } }
    for (arena, source) in zip(arenas, sources) { arena.copy(from: source) }
    var copy = snapshot
    copy.weights = arenas[0]
    if optimizer != nil {
      copy.training?.optimizer.m = arenas[1]
      copy.training?.optimizer.v = arenas[2]
    }
    return copy
  }
}
