// The live line on a real terminal, read back from its screen: where it stands, what scrolls above it, and that nothing of
// it is left, whatever keys are pressed. With other keys, and for longer: scripts/terminals.py.

import Foundation
import Platform
import ProcessSupport
import Testing

@Suite(.serialized, .needsTerminal)
struct ScreenTests {
  /// A training in a terminal; rank 0's steps take `milliseconds`.
  private struct Trial {
    let course: Course
    let terminal: TerminalJob
    let command: String

    init(ranks: Int, columns: Int, milliseconds: Int = 60, _ more: String = "") throws {
      course = try Course()
      terminal = try TerminalJob(columns: columns, folder: course.folder)
      let options = course.options(["--val-interval", "5", "--checkpoint-interval", "10"])
      let words = ([Course.program] + options).map(shellQuoted).joined(separator: " ")
        .replacingOccurrences(of: "--log-interval 1 ", with: "")
      let launch = ranks > 1 ? "--np \(ranks)" : ""
      command = "MICROGPT_FAULT=slow:rank=0,step=1,ms=\(milliseconds) \(words) \(launch) \(more)"
      terminal.type("\(command); echo status $?")
    }

    /// What stands below everything else.
    var live: String { terminal.screen.lines.last ?? "" }
    var lines: [String] { terminal.screen.lines }

    /// Waits until rank 0 has taken so many steps.
    func reaches(_ step: Int) -> Bool {
      terminal.waits { _ in
        live.firstMatch(of: #/step (\d+)|^(\d+)\//#).flatMap { Int($0.1 ?? $0.2 ?? "") }.map { $0 >= step }
          == true
      }
    }

    /// Rows in which something of a live line is left.
    var remains: [String] {
      lines.filter { $0.contains(#/[0-9][smhd] left|this step [0-9]|computing step/#) }
    }
  }

  @Test(.needsMpirun, arguments: [1, 2], [40, 80, 200])
  func theLastRowLivesAndAllElseStays(ranks: Int, columns: Int) throws {
    let trial = try Trial(ranks: ranks, columns: columns)
    #expect(trial.terminal.waits { _ in trial.live.contains("loss") && trial.reaches(11) }, "\(trial.lines)")
    let line = trial.live
    #expect(line.count < columns, "\(line)")
    let words = [
      40: ["loss", "left"], 80: ["loss", "val", "left", "tok/s"],
      200: ["step", "epoch", "loss", "validation", "tok/s", "% of peak", "left", "saved"],
    ]
    for word in words[columns] ?? [] { #expect(line.contains(word), "\(word): \(line)") }
    #expect(trial.terminal.isPrompted(), "\(trial.lines)")
    let text = trial.lines.joined(separator: "\n")
    // In order and once; a narrow window breaks such lines.
    let validated = text.matches(of: #/step +(\d+) / 42 \| validation loss/#).compactMap { Int($0.1) }
    #expect(columns < 80 || validated == Array(stride(from: 5, through: 40, by: 5)) + [42], "\(text)")
    #expect(text.ranges(of: "Weights hash").count == 1 && text.contains("status 0"), "\(text)")
    #expect(trial.remains.isEmpty && trial.terminal.screen.strange.isEmpty, "\(trial.remains)")
    #expect(!text.contains("--------------------"), "\(text)")
  }

  /// Wider and narrower, down to less than a line.
  @Test(.needsMpirun, arguments: [1, 2]) func itFollowsTheWindow(ranks: Int) throws {
    let trial = try Trial(ranks: ranks, columns: 120, milliseconds: 150)
    #expect(trial.reaches(3), "\(trial.lines)")
    for columns in [70, 45, 100, 33, 160] {
      trial.terminal.resize(columns: columns)
      #expect(
        trial.terminal.waits { screen in
          let line = screen.lines.last ?? ""
          return line.contains("loss") && line.count < columns && screen.beforeCursor == line
        }, "\(columns): \(trial.lines)")
      #expect(trial.remains.filter { $0 != trial.live }.isEmpty, "\(columns): \(trial.lines)")
    }
    #expect(trial.terminal.isPrompted(), "\(trial.lines)")
    #expect(trial.remains.isEmpty, "\(trial.remains)")
  }

  @Test(.needsMpirun, arguments: [1, 2]) func anInterruptLeavesACleanPrompt(ranks: Int) throws {
    let trial = try Trial(ranks: ranks, columns: 100)
    #expect(trial.reaches(5), "\(trial.lines)")
    trial.terminal.press("\u{3}")
    #expect(trial.terminal.isPrompted(), "\(trial.lines)")
    let text = trial.lines.joined(separator: "\n")
    #expect(text.contains("stopping after this step") && text.contains("status 75"), "\(text)")
    #expect(text.contains("Stopped by request after step") && text.contains("Resume with gpt-ddp"), "\(text)")
    #expect(trial.remains.isEmpty && trial.course.hasCheckpoint, "\(trial.remains)")
  }

  @Test(.needsMpirun, arguments: [1, 2]) func aSecondInterruptDoes(ranks: Int) throws {
    let trial = try Trial(ranks: ranks, columns: 100, milliseconds: 3_000)
    #expect(trial.terminal.waits { _ in trial.live.contains("computing step 1") }, "\(trial.lines)")
    trial.terminal.press("\u{3}")
    #expect(trial.terminal.waits { $0.lines.contains { $0.hasPrefix("stopping after this step") } })
    usleep(500_000)
    trial.terminal.press("\u{3}")
    #expect(trial.terminal.isPrompted(), "\(trial.lines)")
    #expect(!trial.lines.contains { $0.contains("computing step 1") }, "\(trial.lines)")
  }

  /// Stopped, nothing stands before the shell's prompt; continued, the line is back.
  @Test(.needsMpirun, arguments: [1, 2]) func aStopGivesTheTerminalBack(ranks: Int) throws {
    let trial = try Trial(ranks: ranks, columns: 100, milliseconds: 150)
    #expect(trial.reaches(5), "\(trial.lines)")
    for _ in 0..<3 {
      trial.terminal.press("\u{1A}")
      #expect(trial.terminal.isPrompted(), "\(trial.lines)")
      #expect(trial.remains.isEmpty, "\(trial.remains)")
      // Nobody draws behind the prompt.
      usleep(700_000)
      #expect(trial.terminal.isPrompted() && trial.remains.isEmpty, "\(trial.lines)")
      trial.terminal.type("fg")
      #expect(trial.reaches(5), "\(trial.lines)")
    }
    #expect(trial.terminal.isPrompted(), "\(trial.lines)")
    #expect(trial.course.hasCheckpoint && trial.remains.isEmpty, "\(trial.remains)")
  }

  /// In the background its lines come, but nothing is drawn.
  @Test func theBackgroundDrawsNothing() throws {
    let trial = try Trial(ranks: 1, columns: 100, milliseconds: 150)
    #expect(trial.reaches(3), "\(trial.lines)")
    trial.terminal.press("\u{1A}")
    #expect(trial.terminal.isPrompted(), "\(trial.lines)")
    trial.terminal.type("bg")
    #expect(
      trial.terminal.waits { $0.lines.contains { $0.contains("step    20 / 42 | validation") } },
      "\(trial.lines)")
    #expect(trial.remains.isEmpty, "\(trial.remains)")
    trial.terminal.type("fg")
    #expect(trial.reaches(21), "\(trial.lines)")
    #expect(trial.terminal.isPrompted() && trial.remains.isEmpty, "\(trial.lines)")
  }

  @Test func withoutColourItLives() throws {
    for (variables, isColored) in [("NO_COLOR=1", false), ("NO_COLOR=", true)] {
      let trial = try Trial(ranks: 1, columns: 120)
      #expect(trial.terminal.waits { $0.lines.contains("status 0") } && trial.terminal.isPrompted())
      trial.terminal.type("clear; \(variables) \(trial.command) --resume --more-epochs 2; echo status $?")
      #expect(trial.terminal.waits { _ in trial.live.contains("tok/s") }, "\(trial.lines)")
      #expect(trial.terminal.isPrompted())
      let written = trial.terminal.written.components(separatedBy: variables).last ?? ""
      #expect(written.contains("\u{1B}[2m") == isColored && written.contains("\u{1B}[K"))
    }
  }

  @Test(arguments: ["TERM=dumb", "TERM=", "--log plain", "--quiet"])
  func whereNothingIsToBeDrawnNothingIs(_ how: String) throws {
    let course = try Course()
    let terminal = try TerminalJob(columns: 100, folder: course.folder)
    let words = ([Course.program] + course.options()).map(shellQuoted).joined(separator: " ")
    let words2 = how == "--quiet" ? words.replacingOccurrences(of: "--log-interval 1 ", with: "") : words
    terminal.type(how.hasPrefix("TERM") ? "\(how) \(words2)" : "\(words2) \(how)")
    #expect(terminal.waits { $0.lines.contains { $0.contains("Weights hash") } }, "\(terminal.screen.lines)")
    #expect(terminal.isPrompted())
    #expect(!terminal.written.dropFirst(200).contains("\u{1B}[K"))
    #expect(terminal.screen.lines.contains { $0.hasPrefix("epoch") } == (how != "--quiet"))
  }
}
