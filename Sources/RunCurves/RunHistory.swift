// What a run has measured: its curves, and the last hash of its weights.

/// Built step by step, of a training that goes on or of the lines of its metrics file.
package struct RunHistory: Equatable, Sendable {
  package var losses: CurveSeries
  package var validations: CurveSeries
  package var weightsHash: (step: Int, text: String)?
  /// When the last step ended.
  private var lastSeconds: Double?

  /// - Parameters:
  ///   - capacity: of the curve; a quarter for validations.
  ///   - begin: seconds of earlier runs, from which the first step counts; nil if that is not known.
  package init(capacity: Int = RunHistory.capacity, begin: Double? = nil) {
    losses = CurveSeries(capacity: capacity)
    validations = CurveSeries(capacity: max(2, capacity / 4))
    lastSeconds = begin
  }

  /// Twice the pixels that a curve is usually drawn on: 512 to 1,024 buckets.
  package static let capacity = 1_024

  package static func == (a: RunHistory, b: RunHistory) -> Bool {
    a.losses == b.losses && a.validations == b.validations && a.weightsHash?.step == b.weightsHash?.step
      && a.weightsHash?.text == b.weightsHash?.text
  }

  /// The step that is reached.
  package var step: Int { losses.last?.step ?? validations.last?.step ?? 0 }
  package var seconds: Double { losses.last?.seconds ?? 0 }

  /// From here on a step takes the seconds since `seconds`.
  package mutating func begin(at seconds: Double) { lastSeconds = seconds }

  package mutating func append(
    step: Int, loss: Double, seconds: Double, tokens: Int = 0, learningRate: Double? = nil,
    gradientNorm: Double? = nil, weightsHash hash: String? = nil
  ) {
    var entry = CurveStep(CurvePoint(step: step, loss: loss, seconds: seconds))
    entry.tokens = Double(tokens)
    if let lastSeconds, seconds >= lastSeconds { entry.duration = seconds - lastSeconds }
    entry.learningRate = learningRate
    entry.gradientNorm = gradientNorm
    losses.append(entry)
    lastSeconds = seconds
    if let hash { weightsHash = (step, hash) }
  }

  /// A validation follows its step.
  package mutating func appendValidation(step: Int, loss: Double) {
    validations.append(CurveStep(CurvePoint(step: step, loss: loss, seconds: lastSeconds ?? 0)))
  }

  /// Without what came after `step`.
  package func upTo(_ step: Int) -> RunHistory {
    var result = self
    result.losses = losses.upTo(step)
    result.validations = validations.upTo(step)
    if let hash = weightsHash, hash.step > step { result.weightsHash = nil }
    result.lastSeconds = result.losses.last?.seconds
    return result
  }

  // MARK: What it comes to

  /// Steps of the running mean: a fortieth of what is shown, 1, 2 or 5 with zeros behind it.
  package var window: Int {
    let span = step - (losses.buckets.first?.first.step ?? 1) + 1
    var window = 1
    while true {
      for factor in [1, 2, 5] where window * factor >= span / 40 { return window * factor }
      window *= 10
    }
  }

  /// The running mean at the end.
  package var finalLoss: Double? { losses.means(window: window).last?.loss }

  /// Targets a second over all steps whose duration is known.
  package var speed: Double? {
    let seconds = losses.buckets.reduce(0) { $0 + $1.seconds }
    return seconds > 0 ? losses.buckets.reduce(0) { $0 + $1.tokens } / seconds : nil
  }
}
