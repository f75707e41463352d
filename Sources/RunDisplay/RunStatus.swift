// The numbers of a running training that a live line shows: where it is, how well and how fast it goes, what is left.

import Capacity
import Foundation
import Platform
import Synchronization
import TerminalDisplay
import Training

/// Gets values from the training, and is asked for fields by the thread that shows them.
package final class RunStatus: DisplaySource {
  struct State {
    var step = 0
    var epoch = 1
    /// When the last step ended, and the one before it; seconds of the monotonic clock.
    var lastEnd: Double
    var longestStep = 0.0
    var smoothedLoss = SmoothedLoss()
    var validationLoss: Double?
    /// Seconds, targets and operations since the last look at the speed.
    var window = (seconds: 0.0, tokens: 0, operations: 0.0)
    var tokensPerSecond: Double?
    var operationsPerSecond: Double?
    var secondsPerStep: Double?
    var lastSave: Double?
    /// The last step has ended.
    var isOver = false
    /// Until there is a step to go by.
    var firstStep: Activity?
  }

  private let state: Mutex<State>
  private let firstStep: Int
  private let lastStep: Int
  private let earlierSeconds: Double
  private let work: StepWork
  /// Whether there is anything to be saved.
  private let saves: Bool

  /// Seconds after which a plain log says that a step is under way.
  private static let longStep = 30.0
  /// Speeds are of at least so many seconds.
  private static let windowSeconds = 2.0

  /// - Parameters:
  ///   - work: what a step costs, and what the machine gives.
  ///   - begin: of the monotonic clock.
  package init(_ facts: TrainingFacts, work: StepWork, saves: Bool, begin: Double = monotonicSeconds()) {
    firstStep = facts.firstStep
    lastStep = facts.lastStep
    earlierSeconds = facts.earlierSeconds
    self.work = work
    self.saves = saves
    state = Mutex(State(step: facts.firstStep, lastEnd: begin))
  }

  // MARK: What happens

  /// - Parameter now: seconds of the monotonic clock.
  func finished(_ metrics: StepMetrics, at now: Double = monotonicSeconds()) {
    state.withLock { state in
      state.firstStep?.end()
      state.firstStep = nil
      state.longestStep = max(state.longestStep, now - state.lastEnd)
      state.window.seconds += now - state.lastEnd
      state.window.tokens += metrics.tokens
      state.window.operations += work.operations(tokens: metrics.tokens)
      state.lastEnd = now
      state.step = metrics.step
      state.epoch = metrics.epoch
      state.smoothedLoss.add(metrics.loss)
      // From the whole run, so that validations, samples and saves count with their share.
      state.secondsPerStep = (metrics.seconds - earlierSeconds) / Double(max(1, metrics.step - firstStep))
      state.isOver = metrics.step >= lastStep
      guard state.window.seconds >= Self.windowSeconds || state.tokensPerSecond == nil else { return }
      let seconds = max(state.window.seconds, 1e-9)
      state.tokensPerSecond = Double(state.window.tokens) / seconds
      state.operationsPerSecond = state.window.operations / seconds
      state.window = (0, 0, 0)
    }
  }

  func validated(_ loss: Double, at now: Double = monotonicSeconds()) {
    state.withLock {
      $0.validationLoss = loss
      // It was no part of a step.
      $0.lastEnd = now
    }
  }

  package func saved(at now: Double = monotonicSeconds()) { state.withLock { $0.lastSave = now } }

  /// The first step is about to begin.
  package func begins(at now: Double = monotonicSeconds()) {
    let (first, isAny) = (firstStep + 1, firstStep < lastStep)
    state.withLock {
      $0.lastEnd = now
      if isAny { $0.firstStep = Activity.begin("computing step \(first)") }
    }
  }

  /// Something between two steps has ended.
  package func goesOn(at now: Double = monotonicSeconds()) { state.withLock { $0.lastEnd = now } }

  // MARK: What is shown

  package func fields(at now: Double, isBusy: Bool) -> [LiveField] {
    let state = state.withLock { $0 }
    var fields = [
      LiveField(
        "step \(Readable.grouped(state.step)) / \(Readable.grouped(lastStep))",
        short: "step \(state.step)/\(lastStep)", importance: 10)
    ]
    guard state.step > firstStep else {
      if !isBusy, now - state.lastEnd > 2 { fields.append(inThisStep(state, now)) }
      return fields
    }
    fields.append(LiveField("epoch \(state.epoch)", importance: 3, isSecondary: true))
    fields.append(
      LiveField("loss \(Readable.fixed(state.smoothedLoss.value, digits: 4))", importance: 9))
    if let loss = state.validationLoss {
      let text = Readable.fixed(loss, digits: 4)
      fields.append(LiveField("validation \(text)", short: "val \(text)", importance: 7))
    }
    if let speed = state.tokensPerSecond {
      fields.append(
        LiveField(
          "\(Readable.grouped(Int(speed))) tok/s", short: "\(Self.rounded(speed)) tok/s", importance: 5,
          isSecondary: true))
    }
    if let speed = state.operationsPerSecond, work.peak > 0 {
      let share = "\(Int((100 * speed / work.peak).rounded())) %"
      fields.append(LiveField("\(share) of peak", short: share, importance: 2, isSecondary: true))
    }
    if !state.isOver, let seconds = state.secondsPerStep {
      // It goes on while a step is computed, but not below what the steps after that will take.
      let left = Double(lastStep - state.step) * seconds
      let rest = max(left - (now - state.lastEnd), left - seconds)
      fields.append(
        LiveField(
          "\(Self.short(rest)) left", short: "\(Self.short(rest).split(separator: " ")[0]) left",
          importance: 8))
    }
    if saves {
      let text = state.lastSave.map { "saved \(Self.short(max(0, now - $0))) ago" } ?? "not saved yet"
      fields.append(
        LiveField(
          text, short: text.replacingOccurrences(of: " ago", with: ""), importance: 4, isSecondary: true))
    }
    if !isBusy, !state.isOver, now - state.lastEnd > 2 { fields.append(inThisStep(state, now)) }
    return fields
  }

  private func inThisStep(_ state: State, _ now: Double) -> LiveField {
    LiveField(
      "this step \(Self.short(now - state.lastEnd))", importance: 1, isSecondary: true)
  }

  /// A step that takes long, or much longer than all before.
  package func delay(at now: Double) -> String? {
    let state = state.withLock { $0 }
    guard !state.isOver, state.step > firstStep else { return nil }
    let seconds = now - state.lastEnd
    if seconds > 2 * state.longestStep + 2 {
      return "step \(state.step + 1) takes longer than all before it: \(Int(seconds)) s so far"
    }
    guard seconds > Self.longStep else { return nil }
    return "computing step \(state.step + 1), for \(Int(seconds)) s so far"
  }

  /// `41s`, `4m 10s`, `2h 05m`: whole seconds, which do not flicker.
  private static func short(_ seconds: Double) -> String {
    seconds < 60 ? "\(Int(max(0, seconds)))s" : Readable.duration(seconds: seconds)
  }

  /// `850`, `5.2k`, `61k`, `1.2M`
  static func rounded(_ count: Double) -> String {
    switch count {
    case ..<1_000: "\(Int(count))"
    case ..<9_950: "\(Readable.fixed(count / 1e3, digits: 1))k"
    case ..<999_500: "\(Int((count / 1e3).rounded()))k"
    default: "\(Readable.fixed(count / 1e6, digits: 1))M"
    }
  }
}

/// A loss without the noise of single batches: an exponential mean over some twenty steps, right from the first.
struct SmoothedLoss {
  private static let keep = 0.95
  private var sum = 0.0
  private var weight = 0.0

  mutating func add(_ loss: Double) {
    sum = Self.keep * sum + (1 - Self.keep) * loss
    weight = Self.keep * weight + (1 - Self.keep)
  }

  var value: Double { weight > 0 ? sum / weight : .nan }
}
