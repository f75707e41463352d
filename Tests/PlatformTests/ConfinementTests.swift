// What a confined process can still do.

import Platform
import ProcessSupport
import TestSupport
import Testing

@Suite struct ConfinementTests {
  @Test func aConfinedProcessCanOnlyCompute() throws {
    let folder = try TemporaryFolder()
    let victim = try folder.file([1], named: "victim")
    // It may not make a file grow, so it writes to a pipe, as the reader of checkpoints does.
    let command = ["/bin/sh", "-c", "\"$0\" \"$1\" | cat", Job.path(of: "confined-probe"), victim]
    let outcome = try Job(command: command).outcome()
    #expect(outcome.status == ExitStatus.success, "\(outcome)")
    var results: [String: String] = [:]
    for line in outcome.lines where line.contains(": ") {
      let parts = line.split(separator: ": ", maxSplits: 1)
      results[String(parts[0])] = String(parts[1])
    }
    let isFiltered = results.removeValue(forKey: "filter") == "there"
    #expect(results.removeValue(forKey: "compute") == "done")
    #expect(results.count == 13)
    // Without a filter of the kernel's, what needs no new descriptor is possible.
    let filtered = [
      "remove a file", "signal the parent", "write elsewhere than to standard output", "run a program",
      "start a program", "start a thread", "make code",
    ]
    for (attempt, result) in results where isFiltered || !filtered.contains(attempt) {
      #expect(result == "refused", "\(attempt): \(result)")
    }
    #expect(folder.names.contains("victim") || !isFiltered)
  }
}

@Suite struct VisibilityTests {
  /// What a terminal would obey is spelled out; letters of all scripts and joined emoji are not.
  @Test(arguments: [
    ("plain Ä 漢 👩‍👩‍👧 שלום", "plain Ä 漢 👩‍👩‍👧 שלום"), ("\u{1B}[31m", "\\u{1B}[31m"), ("a\r\nb\tc", "a\\r\\nb\\tc"),
    ("\u{9B}31m\u{7F}\u{0}", "\\u{9B}31m\\u{7F}\\u{0}"), ("\u{1B}]52;c;eA==\u{7}", "\\u{1B}]52;c;eA==\\u{7}"),
    ("\u{202E}txt.\u{2066}\u{200F}\u{61C}", "\\u{202E}txt.\\u{2066}\\u{200F}\\u{61C}"),
    ("\u{2028}\u{2029}\u{85}", "\\u{2028}\\u{2029}\\u{85}"),
  ])
  func commandsAreSpelledOut(text: String, shown: String) {
    #expect(visible(text) == shown)
    #expect(visible(visible(text)) == shown)
  }

  @Test func whatIsKeptStays() {
    #expect(visible("a\r\n\tb\u{1B}", keeping: ["\n", "\t"]) == "a\\r\n\tb\\u{1B}")
  }

  /// JSON is looked at too, and stays JSON.
  @Test func jsonEscapesThem() {
    #expect(JSONText.string("\u{1B}\u{7F}\u{9B}\u{202E}é").text == #""\u001b\u007f\u009b\u202eé""#)
  }
}

@Suite struct StoppedProcessTests {
  /// A child that is stopped for longer than it may take, and then goes on, has not been slow.
  @Test func aStopDoesNotCount() throws {
    let child = try ChildProcess(
      ["/bin/sh", "-c", "(sleep 6; kill -CONT $$) >/dev/null & kill -STOP $$; printf done"], output: .pipe)
    var bytes = [UInt8](repeating: 0, count: 4)
    var clock = CappedClock()
    let begin = monotonicSeconds()
    let count = try bytes.withUnsafeMutableBytes {
      try child.readOutput(into: $0, clock: &clock, limit: 4)
    }
    #expect(count == 4 && bytes == Array("done".utf8) && clock.seconds < 4)
    #expect(monotonicSeconds() - begin > 5)
    _ = child.wait()
  }
}
