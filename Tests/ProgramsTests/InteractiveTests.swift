// gpt-sample at a terminal: a line editor, texts that Ctrl-C stops, colours, and a terminal that is given back.

import Foundation
import Glibc
import Platform
import ProcessSupport
import Testing

extension Programs {
  @Suite struct Interactive {
    private let workspace: Workspace

    init() throws {
      workspace = try Workspace.withCorpora()
      let run = try workspace.train(Small.chunks + ["--checkpoint", "text.jld2"])
      try #require(run.status == ExitStatus.success, "\(run)")
    }

    private func start(
      _ arguments: [String] = [], environment: [String: String] = [:], columns: UInt16 = 80
    ) throws -> TerminalProgram {
      let job = try TerminalProgram(
        "gpt-sample", ["--checkpoint", "text.jld2", "--interactive", "--threads", "1"] + arguments,
        folder: workspace.path,
        environment: ["XDG_STATE_HOME": workspace.path + "/state"].merging(environment) { $1 },
        columns: columns)
      try #require(job.shows("> "), "\(job.output)")
      return job
    }

    private func sample(_ prompt: String, _ arguments: [String]) throws -> String {
      let run = try workspace.sample(
        ["--checkpoint", "text.jld2", "--raw", "--num-samples", "1", "--prompt", prompt] + arguments)
      try #require(run.status == ExitStatus.success, "\(run)")
      return String(run.output.dropFirst(prompt.count).dropLast())
    }

    /// On a terminal, a line end is two characters.
    private func shown(_ text: String) -> String { text.replacing("\n", with: "\r\n") }

    @Test func aLineIsContinuedAsASampleOfIt() throws {
      let job = try start(["--max-chars", "40"])
      #expect(!job.isCooked)
      job.type("the rain\r")
      let first = try sample("the rain", ["--max-chars", "40"])
      #expect(job.shows(shown(first)), "\(job.output)")
      #expect(job.shows("> "))
      job.type("\u{4}")
      #expect(job.end() == ExitStatus.success && job.isCooked)
    }

    @Test func keysEditTheLine() throws {
      let job = try start(["--max-chars", "20", "--temperature", "0"])
      // "old stones", by way of the wrong letters, arrows, Home, End, Ctrl-W, Ctrl-K and Ctrl-U.
      job.type(
        "xxÉx\u{15}lld stoness quiet\u{17}\u{7F}\u{7F}\u{1B}[H\u{1B}[3~o\u{5}\u{1B}[D\u{1B}[C zz\u{1B}b\u{B}\u{7F}\r"
      )
      let expected = try sample("old stones", ["--max-chars", "20", "--temperature", "0"])
      #expect(job.shows("> old stones"), "\(job.output)")
      #expect(job.shows(shown(expected)), "\(job.output)")
      // The line before, from the history.
      job.type(":reset\r")
      #expect(job.shows("> "))
      job.type("\u{1B}[A\u{1B}[A\r")
      #expect(job.shows(shown(expected)), "\(job.output)")
      job.type(":quit\r")
      #expect(job.end() == ExitStatus.success && job.isCooked)
      #expect(try workspace.text("state/microgpt/history") == "old stones\n:reset\nold stones\n:quit\n")
      let status = try FileManager.default.attributesOfItem(
        atPath: workspace.path + "/state/microgpt/history")
      #expect((status[.posixPermissions] as? Int) == 0o600)
      // Another run knows it.
      let next = try start(["--max-chars", "20", "--temperature", "0"])
      next.type("\u{1B}[A\u{1B}[A\r")
      #expect(next.shows(shown(expected)), "\(next.output)")
    }

    @Test func controlCStopsTheTextAndNotTheProgram() throws {
      let job = try start(["--max-chars", "1000000000"])
      job.type("the\r")
      #expect(
        waitUntil {
          _ = job.shows(" ", seconds: 0); return job.isCooked && job.output.count > 200
        })
      job.type("\u{3}")
      #expect(job.shows("\r\n\r> "), "\(job.output.suffix(200))")
      job.type("half a line\u{3}")
      #expect(job.shows("half a line") && job.shows("\r\n\r> "))
      job.type("\u{3}")
      #expect(job.shows("Ctrl-D or :quit ends the program"))
      job.type("\u{4}")
      #expect(job.end() == ExitStatus.success && job.isCooked)
    }

    @Test(arguments: [SIGTERM, SIGHUP, SIGQUIT]) func theTerminalIsGivenBackWhenASignalEndsIt(signal: Int32)
      throws
    {
      let job = try start()
      job.type("abc")
      #expect(job.shows("abc") && !job.isCooked)
      kill(job.pid, signal)
      #expect(job.end() == 128 + signal)
      #expect(job.isCooked)
    }

    /// Of a session whose leader it is, nobody could continue it: the kernel drops the terminal's stop signals, but not
    /// this one, for which nothing can be restored.
    @Test func aStoppedProgramDrawsItsLineAgain() throws {
      let job = try start()
      job.type("abc")
      #expect(job.shows("abc"))
      kill(job.pid, SIGSTOP)
      #expect(waitUntil { Job.state(of: job.pid) == "T" })
      kill(job.pid, SIGCONT)
      #expect(job.shows("> abc"), "\(job.output)")
      #expect(!job.isCooked)
      job.type("\u{3}\u{4}")
      #expect(job.end() == ExitStatus.success && job.isCooked)
    }

    @Test func aLongLineScrollsInANarrowWindow() throws {
      let job = try start(["--max-chars", "5"], columns: 20)
      job.type("the rain falls on old stones")
      // The last seventeen columns of it.
      #expect(job.shows("> lls on old stones"), "\(job.output)")
      job.type("\u{1}")
      #expect(job.shows("> the rain falls on\u{1B}"), "\(job.output)")
      job.type("\u{5}\u{3}\u{4}")
      #expect(job.end() == ExitStatus.success)
    }

    @Test func whatIsWrongIsSaidAndNothingIsLost() throws {
      let job = try start(["--max-chars", "10"])
      for (line, answer) in [
        (":foo", "there is no ':foo'"), (":temp hot", ":temp takes a number"), ("Ωmega", "does not know: Ω"),
        (":help", "Ctrl-D"),
      ] {
        job.type("\(line)\r")
        #expect(job.shows(answer), "\(line): \(job.output)")
        #expect(job.shows("> "))
      }
      job.type(":temp 0\r:seed 7\r:chars 3\r::\u{8}\u{8}\u{4}")
      #expect(job.end() == ExitStatus.success)
    }

    @Test func linesOfAPipeAreAnsweredWithoutAnyEscapeSequence() throws {
      try workspace.write("the rain\n:temp 0\n\n".utf8, to: "lines.txt")
      let arguments = ["--checkpoint", "text.jld2", "--interactive", "--max-chars", "30"]
      let job = try Job(
        command: ["sh", "-c", "exec \"$0\" \"$@\" < lines.txt", Job.path(of: "gpt-sample")] + arguments,
        folder: workspace.path)
      let run = job.outcome()
      #expect(run.status == ExitStatus.success && run.errors == "", "\(run)")
      let first = try sample("the rain", ["--max-chars", "30"])
      let second = try sample("the rain" + first, ["--max-chars", "30", "--temperature", "0"])
      let breaks = [first, second].map { $0.hasSuffix("\n") ? $0 : $0 + "\n" }
      #expect(run.output == breaks.joined(), "\(run)")
      // A prompt is where the text begins, and is shown.
      try workspace.write("".utf8, to: "lines.txt")
      let begun = try Job(
        command: ["sh", "-c", "exec \"$0\" \"$@\" < lines.txt", Job.path(of: "gpt-sample")] + arguments
          + ["the rain"], folder: workspace.path
      ).outcome()
      #expect(begun.output == "the rain" + breaks[0], "\(begun)")
      try workspace.write("the rain\nΩ\n".utf8, to: "lines.txt")
      let bad = try Job(
        command: ["sh", "-c", "exec \"$0\" \"$@\" < lines.txt", Job.path(of: "gpt-sample")] + arguments,
        folder: workspace.path
      ).outcome()
      #expect(bad.status == ExitStatus.usage && bad.errorLines.count == 1, "\(bad)")
    }

    @Test func pruningAsksAtATerminalAndIsRefusedElsewhere() throws {
      let run = try workspace.train(
        Small.chunks + ["--checkpoint", "runs/m.jld2", "--checkpoint-interval", "5", "--keep", "4"])
      try #require(run.status == ExitStatus.success, "\(run)")
      func names() throws -> [String] { try fileNames(in: workspace.path + "/runs").sorted() }
      let all = try names()
      let arguments = ["--prune", "--folder", "runs"]
      let refused = try workspace.sample(arguments)
      #expect(refused.status == ExitStatus.usage && refused.errors.contains("give --yes"), "\(refused)")
      for (answer, says) in [
        ("n", "nothing was removed"), ("", "nothing was removed"), ("y", "removed 3 files"),
      ] {
        #expect(try names() == all)
        let job = try TerminalProgram("gpt-sample", arguments, folder: workspace.path)
        #expect(job.shows("[y/N] "), "\(job.output)")
        job.type("\(answer)\r")
        #expect(job.end() == ExitStatus.success && job.output.contains(says), "\(job.output)")
      }
      #expect(try names() == ["m.best.jld2", "m.jld2", "m.step-000018.jld2"])
      let again = try workspace.sample(arguments + ["--yes"])
      #expect(again.output == "nothing to remove from runs\n", "\(again)")
    }

    @Test func aScoredTextIsColouredOnATerminalUnlessUnwanted() throws {
      try workspace.write("the rain falls;\nÉcho".utf8, to: "scored.txt")
      let arguments = ["--checkpoint", "text.jld2", "--score", "scored.txt"]
      let colored = try TerminalProgram(
        "gpt-sample", arguments, folder: workspace.path, environment: ["NO_COLOR": ""])
      #expect(colored.end() == ExitStatus.success)
      #expect(colored.output.contains("\u{1B}[30;48;5;") && colored.output.contains("↵"), "\(colored.output)")
      let plain = try TerminalProgram(
        "gpt-sample", arguments, folder: workspace.path, environment: ["NO_COLOR": "1"])
      #expect(plain.end() == ExitStatus.success)
      #expect(!plain.output.contains("\u{1B}"), "\(plain.output)")
      let piped = try workspace.sample(arguments)
      #expect(piped.status == ExitStatus.success && shown(piped.output) == plain.output, "\(piped)")
      #expect(colored.output.hasSuffix(plain.output), "\(colored.output)")
    }
  }
}
