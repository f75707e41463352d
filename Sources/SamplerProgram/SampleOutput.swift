// Samples on standard output as they are generated. Several advance together: the first unfinished one is
// shown live, the others wait for their turn.

import Platform
import Glibc
import Synchronization
import TerminalDisplay

/// Prints samples in order, character by character, as threads deliver them.
final class SampleOutput: Sendable {
  private let state: Mutex<SampleQueue>

  init(count: Int, prompt: String, isRaw: Bool) {
    state = Mutex(SampleQueue(count: count, prompt: prompt, isRaw: isRaw))
  }

  func write(_ scalar: Unicode.Scalar, of sample: Int) { state.withLock { $0.write(scalar, of: sample) } }

  /// Prints what is left.
  func end() { state.withLock { $0.end() } }
}

private struct SampleQueue {
  private let count: Int
  private let prompt: String
  private let isRaw: Bool
  /// What the samples after the current one have so far.
  private var waiting: [Int: String.UnicodeScalarView] = [:]
  private var current = -1
  private var buffer: [UInt8] = []
  private var lastFlush = monotonicSeconds()
  private let isInteractive = Terminal.standardOutput.isInteractive

  init(count: Int, prompt: String, isRaw: Bool) {
    self.count = count
    self.prompt = prompt
    self.isRaw = isRaw
    advance(to: 0)
  }

  mutating func write(_ scalar: Unicode.Scalar, of sample: Int) {
    if sample > current {
      waiting[sample, default: .init()].append(scalar)
      return
    }
    append(String(Character(scalar)))
    if isInteractive || monotonicSeconds() - lastFlush > 0.05 { flush() }
  }

  mutating func end() {
    while current + 1 < count { advance(to: current + 1) }
    buffer.append(UInt8(ascii: "\n"))
    flush()
  }

  private mutating func advance(to sample: Int) {
    if current >= 0 { buffer.append(UInt8(ascii: "\n")) }
    current = sample
    if !isRaw { buffer.append(contentsOf: "=== Sample \(sample + 1) ===\n".utf8) }
    append(prompt)
    if let text = waiting.removeValue(forKey: sample) { append(String(text)) }
    flush()
  }

  /// As it is in a pipe; on a terminal, nothing that it would obey.
  private mutating func append(_ text: String) {
    buffer.append(contentsOf: (isInteractive ? visible(text, keeping: ["\n", "\t"]) : text).utf8)
  }

  private mutating func flush() {
    lastFlush = monotonicSeconds()
    if let error = buffer.withUnsafeBytes({ writeFully(STDOUT_FILENO, $0).error }) {
      StandardStream.error.line("error: cannot write the samples: \(systemError(error))")
      Surroundings.end(ExitStatus.failure)
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
