// One wish for a checkpoint, one checkpoint. Rank 0 keeps the count; nobody else needs it.

/// mpirun passes a SIGUSR1 on to every rank, but not at one instant: ranks raise the same wish in the records of
/// neighbouring steps. The wishes of those who come late are met already.
struct CheckpointWishes {
  /// The ranks whose wish the last checkpoint has met.
  private var met: Set<Int> = []
  private var step = -1
  private var time = -Double.infinity

  /// Seconds within which mpirun reaches all ranks, with room to spare.
  private static let spread = 1.0

  /// - Parameters:
  ///   - ranks: that raise a wish in the record of `step`.
  ///   - seconds: of a clock that runs on.
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
