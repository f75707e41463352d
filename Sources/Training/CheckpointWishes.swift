// One request for a checkpoint, one checkpoint. Only rank 0 keeps count.

/// mpirun passes a SIGUSR1 to every rank, but not at the same instant: ranks raise the same request in the
/// records of neighbouring steps. Those of late ranks have already been met.
struct CheckpointWishes {
  /// The ranks whose request the last checkpoint has met.
  private var met: Set<Int> = []
  private var step = -1
  private var time = -Double.infinity

  /// Seconds within which mpirun reaches all ranks, with room to spare.
  private static let spread = 1.0

  /// - Parameters:
  ///   - ranks: that raise a request in the record of `step`.
  ///   - seconds: from a clock that never goes back.
  /// - Returns: whether a checkpoint is due.
  mutating func isDue(for ranks: Set<Int>, step: Int, seconds: Double) -> Bool {
    guard !ranks.isEmpty else { return false }
    let isRecent = step == self.step + 1 || seconds - time < Self.spread
    if isRecent, ranks.isDisjoint(with: met) {
      met.formUnion(ranks)
      return false
    }
    (met, self.step, time) = (ranks, step, seconds)
    return true
  }
}
