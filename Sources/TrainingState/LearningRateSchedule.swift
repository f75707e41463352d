// The learning rate of every step, a pure function of the step. Steps count from 1.

import Foundation

/// How the learning rate changes from the first to the last step.
public struct LearningRateSchedule: Equatable, Sendable {
  /// Raw values are those of the checkpoint's `/schedule/kind`.
  public enum Kind: String, CaseIterable, Sendable {
    /// Linear warm-up to the peak, then half a cosine down to zero at the last step.
    case cosine
    /// peak · (1 - (step - 1) / total): from the peak, never quite to zero.
    case linear
  }

  public package(set) var kind: Kind
  public package(set) var peak: Double
  /// Of the first round: 0…firstLength; unused by `linear`, which has no warm-up. Later rounds warm up for the same
  /// part of their length.
  public package(set) var warmupSteps: Int
  /// The end of the last round.
  public package(set) var totalSteps: Int
  /// The ends of the rounds before the last, ascending: training went on after each, and the rate began again (warm
  /// restarts, Loshchilov & Hutter, 2017).
  public package(set) var restarts: [Int] = []

  /// - Parameter warmupSteps: 0…totalSteps.
  public init(kind: Kind, peak: Double, warmupSteps: Int, totalSteps: Int) {
    self.kind = kind
    self.peak = peak
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    precondition(isPossible)
  }

  /// A cosine whose warm-up is the given fraction of all steps.
  /// - Parameter warmupFraction: 0…1.
  public static func cosine(peak: Double, warmupFraction: Double, totalSteps: Int) -> LearningRateSchedule {
    LearningRateSchedule(
      kind: .cosine, peak: peak, warmupSteps: warmupSteps(fraction: warmupFraction, of: totalSteps),
      totalSteps: totalSteps)
  }

  public static func linear(peak: Double, totalSteps: Int) -> LearningRateSchedule {
    LearningRateSchedule(kind: .linear, peak: peak, warmupSteps: 0, totalSteps: totalSteps)
  }

  /// A fraction of all steps, rounded half to even.
  package static func warmupSteps(fraction: Double, of totalSteps: Int) -> Int {
    precondition((0...1).contains(fraction))
    return Int((fraction * Double(totalSteps)).rounded(.toNearestOrEven))
  }

  /// Steps of the first round: what was planned before anything was added.
  public package(set) var firstLength: Int {
    get { restarts.first ?? totalSteps }
    set { if restarts.isEmpty { totalSteps = newValue } else { restarts[0] = newValue } }
  }

  /// As it was before anything was added.
  var firstRound: LearningRateSchedule {
    var schedule = self
    (schedule.totalSteps, schedule.restarts) = (firstLength, [])
    return schedule
  }

  /// Steps of the rounds after the first.
  public var addedLengths: [Int] { zip(restarts.dropFirst() + [totalSteps], restarts).map { $0 - $1 } }

  /// Another round of the same shape.
  package mutating func add(steps: Int) {
    restarts.append(totalSteps)
    totalSteps += steps
  }

  /// Whether the numbers, which a file may set individually, fit together.
  package var isPossible: Bool {
    let ends = restarts + [totalSteps]
    return zip([0] + ends, ends).allSatisfy { $0 < $1 } && (0...ends[0]).contains(warmupSteps)
  }

  /// - Parameter step: 1…totalSteps.
  public func learningRate(atStep step: Int) -> Double {
    precondition((1...totalSteps).contains(step))
    let begin = restarts.last { $0 < step } ?? 0
    let end = restarts.first { $0 >= step } ?? totalSteps
    let length = end - begin
    let warmup =
      begin == 0
      ? warmupSteps
      : Self.warmupSteps(fraction: Double(warmupSteps) / Double(firstLength), of: length)
    return learningRate(atStep: step - begin, of: length, warmupSteps: warmup)
  }

  /// The rate within one round.
  private func learningRate(atStep step: Int, of totalSteps: Int, warmupSteps: Int) -> Double {
    switch kind {
    case .linear:
      return peak * (1 - Double(step - 1) / Double(totalSteps))
    case .cosine:
      if step <= warmupSteps { return peak * Double(step) / Double(warmupSteps) }
      // warmupSteps < step ≤ totalSteps, so the denominator is at least 1.
      let progress = Double(step - warmupSteps) / Double(totalSteps - warmupSteps)
      return peak * 0.5 * (1 + cos(.pi * progress))
    }
  }
}
