// How a run carries out a training: nothing here changes a weight.

public struct RunSettings: Equatable, Sendable {
  /// Threads of this rank.
  public var threads = 1
  /// Stop after this step, without changing the schedule; nil = train to the end.
  public var lastStep: Int?
  /// Steps between looks for a rank that is slower than the others; 0 = off, as for all intervals.
  public var stragglerInterval = 10
  public var checkpointInterval = 0
  public var sampleInterval = 0
  /// Steps between comparisons of the weights' hash across ranks.
  public var hashInterval = 0
  /// Written into checkpoints; distinguishes those of this run, restarts included, from older ones.
  public var runIdentifier = ""
  /// Whether to measure where the time goes.
  public var isProfiled = false
  public init() {}
}
