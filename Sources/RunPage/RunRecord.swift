// Everything that a page says about one run, as values.

import Platform
import RunCurves

/// How a run stands.
package enum RunStatus: Equatable, Sendable {
  case running
  /// It has been asked to end, and why.
  case stopping(String)
  /// It has reached its last step.
  case finished
  /// It can be resumed; why it ended.
  case stopped(String)
  /// One line of cause.
  case failed(String)

  package var isLive: Bool {
    switch self {
    case .running, .stopping: true
    case .finished, .stopped, .failed: false
    }
  }
}

/// A line of a table: `Corpus`, `names.txt, …`.
package struct Fact: Sendable {
  package var name: String
  package var text: String
  package init(_ name: String, _ text: String) { (self.name, self.text) = (name, text) }
}

/// Something that has happened in a run.
package struct RunEvent: Equatable, Sendable {
  /// Seconds since 1970.
  package var time: Double
  package var step: Int
  package var text: String
  package init(time: Double, step: Int, text: String) {
    (self.time, self.step, self.text) = (time, step, text)
  }
}

/// A text that the model has made.
package struct RunSample: Equatable, Sendable {
  package var step: Int
  package var text: String
  package init(step: Int, text: String) { (self.step, self.text) = (step, text) }
}

package struct RunRecord: Sendable {
  /// What decides the bits of the run, 16 hexadecimal digits.
  package var run: String
  package var title: String
  package var facts: [Fact] = []
  /// Lines for a shell, and what each is for.
  package var commands: [Fact] = []
  package var history = RunHistory()
  package var samples = KeptSamples()
  package var events = KeptEvents()
  package var status = RunStatus.running
  /// Where this start of the run began.
  package var begin: (step: Int, seconds: Double) = (0, 0)
  package var epoch = 0
  package var lastStep = 0
  package var weightsHash: String?
  /// Of this writing, and seconds to the next one; seconds since 1970.
  package var written = 0.0
  package var interval = 2.0
  /// Of the last save.
  package var saved: (step: Int, time: Double)?
  /// A validation that is under way, in words.
  package var activity: String?

  package init(run: String, title: String) { (self.run, self.title) = (run, title) }

  package var step: Int { max(history.step, begin.step) }

  /// From the whole of this start, so that validations, samples and saves count with their share.
  package var secondsLeft: Double? {
    let done = history.step - begin.step
    guard done > 0, history.step < lastStep else { return nil }
    return (history.seconds - begin.seconds) / Double(done) * Double(lastStep - history.step)
  }
}

/// Samples as they grew: the first, the last, and evenly between; a bounded number of bounded texts.
package struct KeptSamples: Equatable, Sendable {
  package private(set) var list: [RunSample] = []
  package static let most = 24
  /// Samples of one step that are kept.
  private static let mostOfStep = 8
  /// Characters.
  package static let longest = 1_200

  package init() {}

  package mutating func append(_ sample: RunSample) {
    guard list.suffix(Self.mostOfStep).filter({ $0.step == sample.step }).count < Self.mostOfStep else {
      return
    }
    list.append(RunSample(step: sample.step, text: Self.cut(sample.text)))
    guard list.count > Self.most else { return }
    let steps = list.map(\.step).reduce(into: [Int]()) { if $0.last != $1 { $0.append($1) } }
    guard steps.count > 2 else { return list.removeSubrange(1...1) }
    // Every second step goes, but neither the first nor the last.
    let gone = Set(steps.indices.filter { $0 % 2 == 1 && $0 < steps.count - 1 }.map { steps[$0] })
    list.removeAll { gone.contains($0.step) }
  }

  private static func cut(_ text: String) -> String {
    guard text.unicodeScalars.count > longest else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.prefix(longest))) + " …"
  }

  package func upTo(_ step: Int) -> KeptSamples {
    var result = self
    result.list.removeAll { $0.step > step }
    return result
  }
}

/// The first and the last events of a run; how many between them are left out.
package struct KeptEvents: Equatable, Sendable {
  package private(set) var list: [RunEvent] = []
  package private(set) var leftOut = 0
  package static let most = 120
  /// Of the first ones, that stay.
  package static let firstOnes = 20
  /// Characters.
  package static let longest = 600

  package init() {}
  package init(_ list: [RunEvent], leftOut: Int) {
    self.leftOut = leftOut
    for event in list { append(event) }
  }

  package mutating func append(_ event: RunEvent) {
    list.append(RunEvent(time: event.time, step: event.step, text: String(event.text.prefix(Self.longest))))
    guard list.count > Self.most else { return }
    list.remove(at: Self.firstOnes)
    leftOut += 1
  }
}
