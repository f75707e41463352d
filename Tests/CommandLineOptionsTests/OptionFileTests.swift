// Files of options: what may stand in them, who wins, and where an error is.

import Foundation
import Glibc
import Platform
import Testing

@testable import CommandLineOptions

@Suite struct OptionFiles {
  static let config = Option<String?>.text("config", "FILE", "More options.")
  static let texts = Option.texts("text", "FILE", "Texts.")
  static let syntax = CommandSyntax(
    program: "trainer", version: "1", summary: "Trains.", usage: ["trainer"],
    sections: [
      OptionSection(
        "All",
        [
          Sample.preset, Sample.width, Sample.learningRate, Sample.validation, Sample.seed, Sample.prompt,
          Sample.noSave,
          Sample.diff, texts, config,
        ])
    ], optionFile: config)

  /// Parses `arguments` with `text` in a file of the name `path`.
  private func parse(_ text: String, _ arguments: [String] = []) throws -> (
    options: ParsedOptions, path: String
  ) {
    let path = FileManager.default.temporaryDirectory.path + "/microgpt-options-\(UUID().uuidString)"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    do {
      guard case .run(let options) = try Self.syntax.parse(["--config", path] + arguments) else {
        throw RuntimeFailure("help was asked for")
      }
      return (options, path)
    } catch let error as InvalidInput {
      throw InvalidInput(error.message.replacing(path, with: "FILE"))
    }
  }

  @Test(arguments: [
    ("", []), ("# nothing\n\n", []), ("n-embd = 64", ["--n-embd=64"]), ("N_EMBD=6_4\r\n", ["--n-embd=64"]),
    ("\u{FEFF}--n-embd 64 --no-save", ["--n-embd=64", "--no-save"]), ("no_save", ["--no-save"]),
    ("no-save = false\nn-embd = 1e2  # wide", ["--n-embd=100"]), ("no-save=yes", ["--no-save"]),
    ("val-frac =10%", ["--val-frac=0.1"]), ("prompt = 'a = b  c'", ["--prompt=a = b  c"]),
    (#"prompt = "it's \"so\" \\ #1""#, [#"--prompt=it's "so" \ #1"#]), ("prompt =", ["--prompt="]),
    ("prompt = ''", ["--prompt="]),
    ("--prompt ''", ["--prompt="]), ("text = a\ntext = 'b c'", ["--text=a", "--text=b c"]),
    ("--diff a 'b c'", ["--diff", "a", "b c"]), ("n-embd = 1\nn-embd = 2", ["--n-embd=2"]),
    (
      "Repeat with trainer --preset names \\\n  --n-embd 64 \\\r\n  --seed 7",
      ["--preset=names", "--n-embd=64", "--seed=7"]
    ),
    ("/usr/bin/trainer --text 'it'\\''s.txt'", ["--text=it's.txt"]), ("  trainer", []),
  ])
  func whatMayStandInThem(_ text: String, _ arguments: [String]) throws {
    #expect(try parse(text).options.arguments() == arguments)
  }

  @Test func theCommandLineWins() throws {
    let file = "n-embd = 64\nseed = 1\ntext = a\ntext = b\nno-save"
    #expect(
      try parse(file, ["--seed", "2", "--text=c"]).options.arguments()
        == ["--n-embd=64", "--seed=2", "--no-save", "--text=c"])
    // The file is no option of the run: ranks that get these arguments need none.
    #expect(try !parse(file).options.isGiven(Self.config))
  }

  @Test(arguments: [
    ("n-embd = 0", "FILE:1: --n-embd '0' is out of range; allowed: 1 to 16384"),
    ("# a\n\nseed = 1\nn-embed = 3", "FILE:4: unknown option 'n-embed'; did you mean --n-embd?"),
    ("--preset names \\\n --sede 3", "FILE:2: unknown option '--sede'; did you mean --seed?"),
    ("n-embd 64", "FILE:1: 'n-embd' is followed by '64'; write n-embd = VALUE, or --n-embd INT"),
    ("n-embd", "FILE:1: n-embd has no value; write n-embd = VALUE"),
    ("text = my novel.txt", "FILE:1: text has 2 values; put one that has spaces into quotes"),
    ("no-save = 3", "FILE:1: no-save is a switch; write it alone, or with true or false"),
    ("seed = 1\n--config other", "FILE:2: a file of options cannot name another; put its options here"),
    ("config = other", "FILE:1: a file of options cannot name another; put its options here"),
    ("seed = 1\n-h", "FILE:2: this option prints something and ends; it does not belong into a file"),
    ("--version", "FILE:1: this option prints something and ends; it does not belong into a file"),
    ("a\nprompt = 'b\nc", "FILE:2: the quote ' that opens here is never closed"),
    ("--no-save && trainer --resume", "FILE:1: '&&' joins two commands; a file holds the options of one"),
    ("--seed", "FILE:1: --seed INT has no value"), ("= 3", "FILE:1: unknown option '='; see trainer --help"),
  ])
  func errorsNameFileAndLine(_ text: String, _ message: String) {
    #expect(throws: InvalidInput(message)) { try parse(text) }
    #expect(!message.contains("\n"))
  }

  @Test func filesThatAreNone() throws {
    for (path, why) in [
      ("/nonexistent", "cannot be read: No such file or directory"),
      ("/dev/zero", "cannot be read: it is a device"),
      ("/tmp", "cannot be read: it is a folder"),
    ] {
      let error = #expect(throws: InvalidInput.self) { try Self.syntax.parse(["--config", path]) }
      #expect(error?.message.contains("--config '\(path)' \(why)") == true, "\(error?.message ?? "")")
    }
    // A FIFO that nobody writes to must not keep us waiting.
    let fifo = FileManager.default.temporaryDirectory.path + "/microgpt-fifo-\(UUID().uuidString)"
    #expect(mkfifo(fifo, 0o600) == 0)
    defer { unlink(fifo) }
    let error = #expect(throws: InvalidInput.self) { try Self.syntax.parse(["--config", fifo]) }
    #expect(error?.message.contains("it is a FIFO") == true)
    let large = #expect(throws: InvalidInput.self) {
      try parse(String(repeating: "#", count: OptionFile.longest + 1))
    }
    #expect(large?.message.contains("more than 1.0 MB") == true, "\(large?.message ?? "")")
    #expect(throws: InvalidInput.self) { try parse("a\0b") }
  }

  @Test func exclusiveOptionsSayWhereTheyStand() throws {
    let (options, path) = try parse("\nno-save", ["--seed=1"])
    #expect(throws: InvalidInput("--seed and --no-save (\(path):2) exclude each other; give one of them")) {
      try options.atMostOne(of: Sample.seed, Sample.noSave)
    }
  }
}
