// Samples on standard output as they are generated. Several advance together: the first unfinished one is
// shown live, the others wait for their turn.

import Glibc
import GPTModel
import Platform
import Synchronization
import TerminalDisplay

/// Prints samples in order, character by character, as threads deliver them.
final class SampleOutput: Sendable {
  private let state: Mutex<SampleQueue>

  /// - Parameter heading: of a sample, by its number from 1; nil for none.
  init(count: Int, prompt: String, heading: (@Sendable (Int) -> String)? = { "=== Sample \($0) ===" }) {
    state = Mutex(SampleQueue(count: count, prompt: prompt, heading: heading))
  }

  /// From any thread; the events of one sample in order, the last of them its end.
  func report(_ event: GenerationEvent, of sample: Int) { state.withLock { $0.take(event, of: sample) } }
}

private struct SampleQueue {
  private let count: Int
  private let prompt: String
  private let heading: (@Sendable (Int) -> String)?
  /// What the samples after the current one have so far.
  private var waiting: [Int: String.UnicodeScalarView] = [:]
  /// Samples after the current one that are complete.
  private var complete: Set<Int> = []
  private var current = 0
  private var writer = TextWriter()

  init(count: Int, prompt: String, heading: (@Sendable (Int) -> String)?) {
    self.count = count
    self.prompt = prompt
    self.heading = heading
    begin()
  }

  mutating func take(_ event: GenerationEvent, of sample: Int) {
    switch event {
    case .character(let scalar, _):
      if sample > current {
        waiting[sample, default: .init()].append(scalar)
      } else {
        writer.write(String(Character(scalar)))
      }
    case .end:
      complete.insert(sample)
      while complete.remove(current) != nil {
        writer.write("\n")
        current += 1
        if current < count { begin() }
      }
      writer.flush()
    }
  }

  private mutating func begin() {
    if let heading { writer.write("\(heading(current + 1))\n") }
    writer.write(prompt)
    if let text = waiting.removeValue(forKey: current) { writer.write(String(text)) }
    writer.flush()
  }
}

/// Generated text on standard output: as it is in a pipe; on a terminal, nothing that it would obey, and at once.
struct TextWriter {
  private var buffer: [UInt8] = []
  private var lastFlush = monotonicSeconds()
  private let isInteractive = Terminal.standardOutput.isInteractive

  mutating func write(_ text: String) {
    buffer.append(contentsOf: (isInteractive ? visible(text, keeping: ["\n", "\t"]) : text).utf8)
    if isInteractive || monotonicSeconds() - lastFlush > 0.05 { flush() }
  }

  /// Ends the program if nobody can take what it was asked for.
  mutating func flush() {
    lastFlush = monotonicSeconds()
    if let error = buffer.withUnsafeBytes({ writeFully(STDOUT_FILENO, $0).error }) {
      StandardStream.error.line("error: cannot write the samples: \(systemError(error))")
      Surroundings.end(ExitStatus.failure)
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
