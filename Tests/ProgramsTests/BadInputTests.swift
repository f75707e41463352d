// The table of what users get wrong: each a process, one line, exit status 2, and nothing changed on disk.

import Foundation
import Platform
import ProcessSupport
import Testing

/// A command line with a mistake, and what the one line must say about it.
struct Mistake: CustomTestStringConvertible, Sendable {
  let arguments: [String]
  let says: [String]

  init(_ arguments: [String], _ says: String...) {
    self.arguments = arguments
    self.says = says
  }

  var testDescription: String { arguments.joined(separator: " ") }

  func expect(_ run: ProgramRun, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(run.status == ExitStatus.usage, "\(run)", sourceLocation: sourceLocation)
    #expect(run.output == "", sourceLocation: sourceLocation)
    let lines = run.errors.split(separator: "\n")
    #expect(lines.count == 1 && run.errors.hasPrefix("error: "), "\(run)", sourceLocation: sourceLocation)
    for text in says { #expect(run.errors.contains(text), "\(run)", sourceLocation: sourceLocation) }
  }
}

/// Everything a mistake may name: corpora good and bad, a checkpoint good and bad.
final class BadFiles: Sendable {
  let path: String
  private let workspace: Workspace

  /// Made once; no test may change it.
  static let shared = Result { try BadFiles() }

  init() throws {
    workspace = try Workspace.withCorpora()
    path = workspace.path
    try workspace.write([], to: "empty.txt")
    try workspace.write([0x7f, 0x45, 0x4c, 0x46, 0x00, 0xff, 0xfe], to: "binary.txt")
    try workspace.write(Array("text\0text".utf8), to: "nul.txt")
    try workspace.write(Array("caf".utf8) + [0xe9, 0x20], to: "latin.txt")
    try workspace.write(Array("caf".utf8) + [0xc3], to: "cut.txt")
    try workspace.write([0x1F, 0x8B, 8, 0, 0, 0], to: "cut.gz")
    try FileManager.default.createDirectory(
      atPath: "\(workspace.path)/empty", withIntermediateDirectories: true)
    try workspace.write(Array("wide".utf8).flatMap { [$0, 0] }, to: "wide.txt")
    try workspace.write(Array("short".utf8), to: "short.txt")
    try workspace.write(Array("\n \n\n".utf8), to: "blank.txt")
    try workspace.write(Workspace.prose(3_000), to: "other.txt")
    let made = try workspace.train(Small.chunks + ["--checkpoint", "good.jld2", "--max-steps", "3"])
    try #require(made.status == ExitStatus.success, "\(made)")
    let good = [UInt8](try workspace.data("good.jld2"))
    try workspace.write(good.dropLast(good.count / 3), to: "truncated.jld2")
    var flipped = good
    flipped[good.count / 2] ^= 1
    try workspace.write(flipped, to: "flipped.jld2")
    try workspace.write(good.prefix(100), to: "head.jld2")
    try workspace.write(Array("PK\u{3}\u{4} this is an archive of another program".utf8), to: "foreign.jld2")
    try workspace.write([], to: "empty.jld2")
  }

  /// Runs a mistake and compares every file before and after.
  func run(_ start: (Workspace) throws -> ProgramRun) throws -> ProgramRun {
    let before = workspace.contents
    let run = try start(workspace)
    let after = workspace.contents
    #expect(after == before, "changed: \(Set(after.keys).symmetricDifference(before.keys))")
    return run
  }
}

extension Programs {
  @Suite struct BadOptionsOfTheTrainer {
    static let text = ["--data", "prose.txt"] + Small.sizes

    @Test(arguments: [
      Mistake(["--n-emb", "3"], "'--n-emb'", "--n-embd?"),
      Mistake(["--frobnicate"], "'--frobnicate'", "--help"),
      Mistake(["-x"], "'-x'"),
      Mistake(["prose.txt"], "'prose.txt'", "did you mean --data 'prose.txt'?"),
      Mistake(["gone.txt"], "did you mean --data 'gone.txt'?"),
      Mistake(["Names"], "did you mean --preset names?"),
      Mistake(["good.jld2"], "did you mean --checkpoint 'good.jld2' --resume?"),
      Mistake(["train"], "'train'", "--help"),
      Mistake(["--preset", "Names"], "did you mean names?"),
      Mistake(["--lr", "0.1"], "--learning-rate?"), Mistake(["--epochs", "3"], "--num-epochs?"),
      Mistake(["--steps", "3"], "--num-steps?"), Mistake(["--iters=3"], "--num-steps?"),
      Mistake(["--out_dir", "x"], "--checkpoint?"), Mistake(["--compile"], "runs on CPUs"),
      Mistake(["--batchsize", "3"], "--batch-size?"), Mistake(["-n", "4"], "--np?"),
      Mistake(["--n-embd"], "--n-embd INT", "no value", "1 to 16384"),
      Mistake(["--data", "--no-save"], "--data FILE", "'--no-save'"),
      Mistake(["--data="], "--data", "empty"),
      Mistake(["--n-embd", "10"], "n_head 4", "n_embd 10", "divisor"),
      Mistake(["--n-head", "3"], "n_head 3", "n_embd 128"),
      Mistake(["--n-embd", "0"], "--n-embd '0'", "1 to 16384"),
      Mistake(["--n-layer", "-4"], "--n-layer '-4'", "1 to 1024"),
      Mistake(["--block-size", "1k"], "--block-size '1k'", "whole number"),
      Mistake(["--seed", "99999999999999999999"], "--seed", "64 bits"),
      Mistake(["--batch-size", "0"], "--batch-size '0'", "1 to 1000000"),
      Mistake(["--patience", "3", "--val-frac", "0"], "--patience 3", "nothing is held out", "--val-frac"),
      Mistake(["--dry-run", "--supervise", "--np", "2"], "--dry-run", "--supervise"),
      Mistake(["--dry-run", "--doctor"], "exclude each other"),
      Mistake(["--config", "nothing.conf"], "--config 'nothing.conf'", "No such file"),
      Mistake(["--config", "prose.txt"], "prose.txt:1", "unknown option"),
      Mistake(["--batch-size", "1e-1"], "--batch-size '1e-1' is not a whole number"),
      Mistake(["--batch-size", "4", "--micro-batch-size", "5"], "--micro-batch-size 5", "1 to 4"),
      Mistake(["--learning-rate", "nan"], "--learning-rate 'nan'", "above 0"),
      Mistake(["--learning-rate", "inf"], "--learning-rate 'inf'", "above 0"),
      Mistake(["--learning-rate", "-1"], "--learning-rate '-1'", "above 0"),
      Mistake(["--learning-rate", "1e999"], "--learning-rate '1e999'", "at most 100"),
      Mistake(["--val-frac", "1"], "--val-frac '1'", "below 1"),
      Mistake(["--warmup-frac", "1.5"], "--warmup-frac '1.5'", "at most 1"),
      Mistake(["--beta2", "1"], "--beta2 '1'", "below 1"),
      Mistake(["--temperature", "-0.1"], "--temperature '-0.1'", "at least 0"),
      Mistake(["--preset", "haiku"], "--preset 'haiku'", "shakespeare | reference | names"),
      Mistake(["--matmul", "gpu"], "--matmul 'gpu'", "auto | simd | openblas"),
      Mistake(["--threads", "0"], "--threads '0'", "1 to 1024"),
      Mistake(["--np", "0"], "--np '0'", "1 to 100000"),
      Mistake(["--no-save=yes"], "--no-save", "no value"),
      Mistake(
        ["--preset", "names", "--data", "list.txt", "--n-embd", "16384", "--n-layer", "1024"], "memory",
        "choose --n-embd"),
      Mistake(["--val-batches", "-1"], "--val-batches '-1'", "0 to"),
      Mistake(["--init-scheme", "xavier"], "--init-scheme 'xavier'", "auto | reference | scaled"),
      Mistake(["--warmup-steps", "5", "--warmup-frac", "0.1"], "--warmup-frac", "--warmup-steps", "exclude"),
      Mistake(["--num-steps", "5", "--num-epochs", "5"], "--num-epochs", "--num-steps", "exclude"),
      Mistake(["--resume", "--no-save"], "--resume", "--no-save", "exclude"),
      Mistake(["--preset", "names", "--num-epochs", "2"], "--num-epochs", "--num-steps"),
      Mistake(["--preset", "names", "--warmup-frac", "0.1", "--data", "list.txt"], "--warmup-frac"),
      Mistake(["--hostfile", "hosts"], "--hostfile", "--np"),
      Mistake(["--supervise"], "--supervise", "--np"),
      Mistake(["--np", "2", "--hostfile", "none"], "hostfile none", "No such file"),
      Mistake(["--np", "2", "--hostfile", "empty.txt"], "hostfile empty.txt"),
      Mistake(["--np", "2", "--hostfile", "/dev/zero"], "hostfile /dev/zero", "a device"),
      Mistake(["--fault", "kill:rank=0,step=1"], "unknown option '--fault'"),
    ]) func optionIsRefused(mistake: Mistake) throws {
      mistake.expect(try BadFiles.shared.get().run { try $0.train(mistake.arguments) })
    }

    @Test(arguments: [
      Mistake(["--data", "none.txt"], "none.txt", "No such file"),
      Mistake(["--data", "empty"], "the corpus empty is a folder without texts"),
      Mistake(["--data", "*.none"], "matches no file"),
      Mistake(["--data", "cut.gz"], "the corpus cut.gz cannot be decompressed", "cut off"),
      Mistake(["--data", "empty.txt"], "empty.txt", "is empty"),
      Mistake(["--data", "binary.txt"], "binary.txt", "UTF-8"),
      Mistake(["--data", "nul.txt"], "nul.txt", "byte 4"),
      Mistake(["--data", "wide.txt"], "UTF-16LE", "iconv -f UTF-16LE -t UTF-8 wide.txt > wide.utf8.txt"),
      Mistake(["--data", "latin.txt"], "latin.txt", "UTF-8", "offset 4"),
      Mistake(["--data", "cut.txt"], "cut.txt", "byte 3"),
      Mistake(["--data", "short.txt"], "short.txt", "--block-size"),
      Mistake(["--preset", "names", "--data", "blank.txt"], "blank.txt", "every line is blank"),
      Mistake(text + ["--batch-size", "105"], "104 training chunks", "105", "--batch-size 104"),
      Mistake(
        ["--preset", "names", "--data", "list.txt", "--batch-size", "151"], "150 training documents",
        "--batch-size 150"),
      Mistake(text + ["--val-frac", "0.999"], "prose.txt", "--val-frac"),
      Mistake(
        text + ["--metrics", "prose.txt/m.jsonl"], "prose.txt/m.jsonl", "Not a directory", "--metrics"),
      Mistake(text + ["--metrics", "."], "--metrics . is a folder", "--metrics"),
      Mistake(text + ["--metrics", "prose.txt"], "--metrics prose.txt", "--data"),
      Mistake(text + ["--checkpoint", "prose.txt/c.jld2"], "prose.txt/c.jld2", "another path"),
      Mistake(text + ["--checkpoint", "/proc/none/c.jld2"], "/proc/none", "another path"),
      Mistake(text + ["--init-from", "none.jld2"], "none.jld2", "no such file"),
      Mistake(text + ["--init-from", "truncated.jld2"], "truncated.jld2", "damaged"),
      Mistake(text + ["--init-from", "foreign.jld2"], "foreign.jld2"),
      Mistake(["--data", "list.txt", "--init-from", "good.jld2"], "list.txt", "does not know"),
      Mistake(text + ["--init-from", "good.jld2", "--n-layer", "3", "--batch-size", "4"], "--n-layer"),
      Mistake(["--data-dir", "prose.txt/data", "--no-download"], "prose.txt/data", "--data-dir"),
    ]) func fileIsRefused(mistake: Mistake) throws {
      mistake.expect(try BadFiles.shared.get().run { try $0.train(mistake.arguments) })
    }

    @Test(arguments: [
      Mistake(
        ["--checkpoint", "god.jld2"], "no checkpoint god.jld2", "(there is good.jld2", "leave --resume out"),
      Mistake(["--checkpoint", "good.jld2", "--more-epochs", "1"], "step 3 of 18", "--resume alone"),
      Mistake(["--checkpoint", "truncated.jld2"], "truncated.jld2", "damaged"),
      Mistake(["--checkpoint", "flipped.jld2"], "flipped.jld2", "damaged"),
      Mistake(["--checkpoint", "foreign.jld2"], "foreign.jld2"),
      Mistake(["--checkpoint", "empty.jld2"], "empty.jld2", "empty"),
      Mistake(["--checkpoint", "good.jld2", "--n-embd", "64"], "--n-embd 64", "32"),
      Mistake(["--checkpoint", "good.jld2", "--batch-size", "12"], "--batch-size 12", "11"),
      Mistake(["--checkpoint", "good.jld2", "--micro-batch-size", "1"], "--micro-batch-size 1", "2"),
      Mistake(["--checkpoint", "good.jld2", "--learning-rate", "0.1"], "--learning-rate 0.1", "0.003"),
      Mistake(["--checkpoint", "good.jld2", "--seed", "7"], "--seed 7", "42"),
      Mistake(["--checkpoint", "good.jld2", "--num-epochs", "3"], "--num-epochs 3", "18 steps"),
      Mistake(["--checkpoint", "good.jld2", "--warmup-frac", "0.5"], "--warmup-frac 0.5"),
      Mistake(["--checkpoint", "good.jld2", "--val-frac", "0.2"], "--val-frac 0.2", "0.1"),
      Mistake(["--checkpoint", "good.jld2", "--grad-clip", "1"], "--grad-clip 1"),
      Mistake(["--checkpoint", "good.jld2", "--no-shuffle"], "--no-shuffle", "trained without it"),
      Mistake(["--checkpoint", "good.jld2", "--preset", "names"], "--preset", "chunks"),
      Mistake(["--checkpoint", "good.jld2", "--init-from", "good.jld2"], "--init-from", "exclude"),
    ]) func resumeIsRefused(mistake: Mistake) throws {
      let arguments = ["--resume", "--data", "prose.txt"] + mistake.arguments
      mistake.expect(try BadFiles.shared.get().run { try $0.train(arguments) })
    }

    @Test func aDamagedCheckpointIsNotBegunOver() throws {
      let mistake = Mistake(
        ["--auto-resume", "--checkpoint", "flipped.jld2"] + Self.text, "flipped.jld2", "damaged",
        "begins anew only")
      mistake.expect(try BadFiles.shared.get().run { try $0.train(mistake.arguments) })
    }

    @Test func resumeWithAnotherCorpusIsRefused() throws {
      let mistake = Mistake(
        ["--resume", "--data", "other.txt", "--checkpoint", "good.jld2"], "other.txt", "prose.txt", "--data")
      mistake.expect(try BadFiles.shared.get().run { try $0.train(mistake.arguments) })
    }

    /// mpirun adds lines of its own; ours stands there once.
    @Test(
      .needsMpirun,
      arguments: [
        Mistake(text + ["--np", "4"], "--np 4", "3 process(es)"),
        Mistake(["--n-emb", "3"], "'--n-emb'"),
        Mistake(["--data", "empty.txt"], "empty.txt"),
        Mistake(text + ["--batch-size", "105"], "--batch-size 104"),
        Mistake(["--resume", "--checkpoint", "truncated.jld2", "--data", "prose.txt"], "truncated.jld2"),
        Mistake(text + ["--metrics", "."], "--metrics . is a folder"),
      ]) func oneRankSpeaks(mistake: Mistake) throws
    {
      let run = try BadFiles.shared.get().run { try $0.train(ranks: 3, mistake.arguments) }
      #expect(run.status == ExitStatus.usage && run.output == "", "\(run)")
      #expect(run.errorLines.count == 1, "\(run)")
      for text in mistake.says { #expect(run.errorLines.first?.contains(text) == true, "\(run)") }
    }
  }

  @Suite struct BadInputOfTheGenerator {
    @Test(arguments: [
      Mistake(["--temprature", "1"], "'--temprature'", "--temperature?"),
      Mistake(["good.jld2"], "did you mean --checkpoint 'good.jld2'?"),
      Mistake(["ROMEO:", "and"], "did you mean --prompt 'ROMEO: and'?"),
      Mistake(["--checkpoint", "good.jld2", "the", "rain"], "did you mean --prompt 'the rain'?"),
      Mistake(["--prompt", "the", "rain"], "did you mean --prompt 'the rain'?"),
      Mistake(["--max_new_tokens", "5"], "--max-chars?"), Mistake(["--start", "x"], "--prompt?"),
      Mistake(["--num_beams", "5"], "--temperature"),
      Mistake(["--repetition_penalty", "2"], "--repeat-penalty?"),
      Mistake(["--checkpoint", "god.jld2"], "god.jld2", "good.jld2"),
      Mistake([], "no checkpoint in checkpoints/", "gpt-ddp"),
      Mistake(["--folder", "none"], "--folder none"),
      Mistake(["--checkpoint", "good.jld2", "--temperature", "nan"], "--temperature 'nan'", "at least 0"),
      Mistake(["--checkpoint", "good.jld2", "--max-chars", "-1"], "--max-chars '-1'", "0 to"),
      Mistake(["--checkpoint", "good.jld2", "--num-samples", "0"], "--num-samples '0'", "1 to"),
      Mistake(["--checkpoint", "good.jld2", "--seed", "x"], "--seed 'x'", "whole number"),
      Mistake(["--checkpoint", "good.jld2", "--prompt", ""], "--prompt", "empty"),
      Mistake(["--checkpoint", "good.jld2", "--prompt", "the Zebra\t"], "Z", "\\t", "alphabet is", "É"),
      Mistake(["--checkpoint", "."], "folder"),
      Mistake(["--checkpoint", "empty.jld2"], "empty.jld2", "empty"),
      Mistake(["--checkpoint", "truncated.jld2"], "truncated.jld2", "damaged"),
      Mistake(["--checkpoint", "flipped.jld2"], "flipped.jld2", "damaged"),
      Mistake(["--checkpoint", "head.jld2"], "head.jld2"),
      Mistake(["--checkpoint", "foreign.jld2"], "foreign.jld2"),
      Mistake(["--inspect", "none.jld2"], "none.jld2", "no such file"),
      Mistake(["--diff", "good.jld2"], "--diff FILE FILE"),
      Mistake(["--diff", "good.jld2", "none.jld2"], "none.jld2"),
      Mistake(["--inspect", "good.jld2", "--verify", "good.jld2"], "--inspect", "--verify", "exclude"),
      Mistake(["--inspect", "good.jld2", "--seed", "3"], "--seed", "--inspect"),
      Mistake(["--interactive", "--json"], "--json", "--interactive"),
      Mistake(["--interactive", "--prompt-file", "-"], "standard input"),
      Mistake(["--interactive", "--follow"], "exclude"), Mistake(["--raw", "--json"], "exclude"),
      Mistake(["--checkpoint", "good.jld2", "--newest"], "exclude"),
      Mistake(["--stride", "4"], "--score"), Mistake(["--yes"], "--prune"),
      Mistake(["--keep", "2"], "--prune"),
      Mistake(["--checkpoint", "good.jld2", "--seed", "-1"], "--seed '-1'", "random"),
      Mistake(["--checkpoint", "good.jld2", "--context", "32"], "--context '32'", "keep=N"),
      Mistake(["--checkpoint", "good.jld2", "--context", "keep=32"], "keep=32", "0 to 31"),
      Mistake(["--checkpoint", "good.jld2", "--stop", "Ω"], "--stop 'Ω'", "alphabet"),
      Mistake(["--checkpoint", "good.jld2", "--stop", ""], "--stop", "empty"),
      Mistake(["--checkpoint", "good.jld2", "--escapes", "the\\q"], "backslash before 'q'"),
      Mistake(["--checkpoint", "good.jld2", "--top-p", "1.5"], "--top-p '1.5'", "at most 1"),
      Mistake(["--checkpoint", "good.jld2", "--repeat-penalty", "0"], "--repeat-penalty '0'", "above 0"),
      Mistake(["--prompt", "a", "--prompt-file", "b"], "exclude"),
      Mistake(["--checkpoint", "good.jld2", "--prompt-file", "none.txt"], "none.txt"),
      Mistake(["--checkpoint", "good.jld2", "--prompt-file", "."], "a folder"),
      Mistake(["--checkpoint", "good.jld2", "--prompt-file", "empty.jld2"], "--prompt is empty"),
      Mistake(["--checkpoint", "good.jld2", "--score", "none.txt"], "none.txt"),
      Mistake(["--checkpoint", "good.jld2", "--score", "empty.jld2"], "nothing to predict"),
      Mistake(["--checkpoint", "good.jld2", "--score", "good.jld2"], "not UTF-8"),
      Mistake(
        ["--checkpoint", "good.jld2", "--score", "good.jld2", "--stride", "33"], "--stride 33", "1 to 32"),
      Mistake(["--list", "--folder", "none"], "--folder none"),
      Mistake(["--prune", "--folder", "none"], "--folder none"),
      Mistake(["--follow", "--checkpoint", "none.jld2"], "none.jld2", "no such file"),
    ]) func isRefused(mistake: Mistake) throws {
      mistake.expect(try BadFiles.shared.get().run { try $0.sample(mistake.arguments) })
    }

    /// From a terminal with another encoding; what Swift makes of it would be another text.
    @Test(arguments: [("gpt-sample", "--prompt"), ("gpt-ddp", "--data")])
    func anArgumentThatIsNotUTF8(program: String, option: String) throws {
      let mistake = Mistake([option], "\(option) 'caf\\xe9' is not UTF-8")
      mistake.expect(
        try BadFiles.shared.get().run { workspace in
          try Job(
            command: ["sh", "-c", "exec \"$0\" $1 \"$(printf 'caf\\351')\"", Job.path(of: program), option],
            folder: workspace.path
          ).outcome()
        })
    }
  }
}
