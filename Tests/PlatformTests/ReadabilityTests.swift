// Numbers and texts for people.

import Foundation
import Testing

@testable import Platform

@Suite struct Readability {
  @Test(
    arguments: [
      (0, "0 ms"), (0.0004, "0 ms"), (0.84, "840 ms"), (0.9996, "1.0s"), (4.24, "4.2s"), (9.96, "10s"),
      (59.4, "59s"), (59.6, "1m 00s"), (83, "1m 23s"), (3_599.6, "1h 00m"), (7_500, "2h 05m"),
      (86_399.9, "1d 00h"), (273_600, "3d 04h"), (-1, "unknown"), (.nan, "unknown"), (.infinity, "unknown"),
    ] as [(Double, String)])
  func durations(_ seconds: Double, _ text: String) {
    #expect(Readable.duration(seconds: seconds) == text)
  }

  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (9_637_888, "9.6 MB"), (123_456_789, "123 MB"),
    (999_600, "1.0 MB"), (Int.max, "9223 PB"),
  ])
  func sizes(_ count: Int, _ text: String) {
    #expect(Readable.bytes(count) == text)
  }

  /// Texts and names of files alike, beside their option or behind its equals sign.
  @Test func argumentsThatAreNotUTF8() throws {
    let bad: [UInt8] = Array("caf".utf8) + [0xE9]
    func refusal(_ arguments: [UInt8]...) -> String {
      do {
        try Surroundings.requireReadable([Array("program".utf8)] + arguments)
        return ""
      } catch { return "\(error)" }
    }
    #expect(refusal(Array("--prompt".utf8), Array("café \u{FFFD}".utf8)) == "")
    #expect(refusal(Array("--prompt".utf8), bad).hasPrefix("--prompt 'caf\\xe9' is not UTF-8"))
    #expect(refusal(Array("--data=".utf8) + bad).hasPrefix("--data 'caf\\xe9' is not UTF-8"))
    #expect(refusal(bad).hasPrefix("argument 1 'caf\\xe9' is not UTF-8"))
    #expect(refusal(Array("--".utf8) + bad).hasPrefix("argument 1 '--caf\\xe9'"))
  }
}
