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
  /// 0…totalSteps; unused by `linear`, which has no warm-up.
  public package(set) var warmupSteps: Int
  public package(set) var totalSteps: Int

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

  /// Whether the numbers, which a file may set individually, fit together.
  package var isPossible: Bool {
    totalSteps >= 1 && (0...totalSteps).contains(warmupSteps)
  }

  /// - Parameter step: 1…totalSteps.
  public func learningRate(atStep step: Int) -> Double {
    precondition((1...totalSteps).contains(step))
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
