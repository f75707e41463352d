// The command line of gpt-ddp, declared once. Options that decide the bits are rows of `SettingsTable`.

import CommandLineOptions
import Liveness
import Platform
import DataParallel
import TrainingState

package enum TrainerOptions {
  // What to train on
  package static let preset = Option.choice(
    "preset", Preset.all.map(\.name), "NAME", default: Preset.all[0].name,
    "Defaults: Shakespeare in chunks; the reference's exact hyperparameters for it; names, one a step.")
  package static let data = Option.texts(
    "data", "FILE",
    "Train on this UTF-8 text, .gz and .zst too, with the workflow of the preset; again for more files, in order; a "
      + "folder stands for its texts, a pattern in quotes for what it matches.")
  package static let dataFolder = Option.text(
    "data-dir", "DIR", default: "data", "Where downloaded and generated corpora are kept.")
  package static let dataURL = Option.text(
    "data-url", "URL", "Another address of the preset's corpus; it must hold the same bytes.")
  package static let noDownload = Option.flag(
    "no-download", "Never ask the network; generate a small corpus where none is found.")

  // Model and training
  package static let initFrom = Option.text(
    "init-from", "FILE", "Begin with the weights of this checkpoint; its sizes hold."
  ).completing(".jld2")
  package static let maxSteps = Option.integer(
    "max-steps", in: 0...TrainingConfiguration.mostSteps, "Stop after this step; the schedule stays as it is."
  )

  // Output
  package static let log = Option.choice(
    "log", LogManner.allCases.map(\.rawValue), "NAME", default: LogManner.auto.rawValue,
    "live: one line that changes, below all others; plain: lines only; auto: live on a terminal.")
  package static let logInterval = Option.integer(
    "log-interval", defaultText: "first, last, every 5 s of a plain log", in: 0...Int.max,
    "Steps between log lines; 0 = off.")
  package static let quiet = Option.flag("quiet", "Print the result, notes, warnings and errors alone.")
  package static let metrics = Option.text(
    "metrics", "FILE",
    "JSON lines, one a step: step epoch loss lr seconds tokens, and grad_norm with clipping.")
  package static let page = Option.text(
    "page", "FILE", "One HTML file to watch the run in a browser, and its report card at the end.")
  package static let compare = Option.texts(
    "compare", "FILE",
    "Instead of training: the curves of this metrics file, again for more, on --page or in --svg.")
  package static let svg = Option.text("svg", "FILE", "With --compare: the loss as a picture.")
  package static let hashInterval = Option.integer(
    "hash-interval", default: 100, in: 0...Int.max, "Steps between comparisons of the weights' hash.")
  package static let sampleInterval = Option.integer(
    "sample-interval", defaultText: Preset.defaultText { "\($0.sampleInterval)" }, in: 0...Int.max,
    "Steps between samples; 0 = off.")
  package static let sampleCount = Option.integer(
    "num-samples", defaultText: Preset.defaultText { "\($0.sampleCount)" }, in: 0...10_000,
    "Samples after training.")
  package static let temperature = Option.number(
    "temperature", defaultText: Preset.defaultText { decimal($0.temperature) }, in: .closed(0...100),
    "Of samples; 0 takes the likeliest.")
  package static let profile = Option.flag("profile", "Measure where the time of a step goes.")

  // Checkpoints
  package static let checkpoint = Option.text(
    "checkpoint", "FILE", defaultText: Preset.defaultText { $0.checkpoint },
    "Where the state is saved; the best validated one is kept beside it as ….best.jld2."
  ).completing(".jld2")
  package static let checkpointInterval = Option.integer(
    "checkpoint-interval", defaultText: Preset.defaultText { "\($0.checkpointInterval)" }, in: 0...Int.max,
    "Steps between saves; 0 = at the end.")
  package static let keep = Option.integer(
    "keep", default: 2, in: 1...1000,
    "States kept, the newest included; without it, a resumed run keeps as many as there are.")
  package static let resume = Option.flag(
    "resume", "Go on from --checkpoint with the same bits; its options hold.")
  package static let autoResume = Option.flag(
    "auto-resume", "Like --resume if there is a checkpoint, else begin: for jobs that are started again.")
  package static let moreEpochs = Option.integer(
    "more-epochs", in: 1...1_000_000,
    "With --resume, after the last step: so many more; the schedule begins again.")
  package static let moreSteps = Option.integer(
    "more-steps", in: 1...1_000_000_000, "The same in steps.")
  package static let noSave = Option.flag("no-save", "Write no checkpoint.")
  package static let replace = Option.flag(
    "replace", "Replace what an earlier run has left under these names, instead of setting it aside.")

  // Parallelism
  package static let processCount = Option.integer(
    "np", in: 1...100_000, "Ranks; more than one starts mpirun.")
  package static let threads = Option.integer(
    "threads", defaultText: "processors / ranks of the host, or SLURM's share", in: 1...1024,
    "Threads of each rank.")
  package static let hostfile = Option.text("hostfile", "FILE", "Hosts for --np, as mpirun reads them.")
  package static let supervise = Option.flag(
    "supervise", "With --np: start again from the last checkpoint when a rank or host dies.")
  package static let maxRestarts = Option.integer(
    "max-restarts", default: 3, in: 0...10_000, "For --supervise.")
  package static let hangTimeout = Option.number(
    "hang-timeout", "SECONDS", default: Watchdog.defaultHangTimeout, in: .above(0),
    "When a silent rank ends the job.")
  package static let ignoreMemory = Option.flag(
    "ignore-memory", "Begin even if the memory does not suffice by the plan in the log.")

  // Before a run
  package static let config = Option<String?>.text(
    "config", "FILE",
    "Read options from this file, one a line as `name = value` or `--name value`, or a printed `Repeat with` line; "
      + "options given here count more.")
  package static let dryRun = Option.flag(
    "dry-run",
    "Say what would be trained, saved and set aside, the memory and the time that it would take, and end; writes "
      + "nothing.")
  package static let doctor = Option.flag(
    "doctor",
    "Look at this machine, under mpirun at all hosts: what training needs, what is amiss, how fast it is, and the "
      + "command to start with.")

  // Between a supervisor and the jobs it starts
  package static let run = Option.text("run-id", "TEXT", "Names a supervised run in its checkpoints.").hidden
  package static let restarted = Option.flag(
    "restarted", "Go on from what the run of this name has saved, if anything."
  ).hidden
  /// Between a doctor and the ranks that it starts.
  package static let exchangeCheck = Option.flag(
    "exchange-check", "Measure the exchange among these ranks and print it."
  ).hidden

  /// What the launcher keeps to itself.
  package static let launching: [any DeclaredOption] = [processCount, hostfile, supervise, maxRestarts, run]

  package static let syntax = CommandSyntax(
    program: "gpt-ddp", version: ProgramVersion.current,
    summary:
      "Trains a small GPT on characters, data-parallel over MPI ranks. The weights depend on data, options "
      + "and seed only: any number of ranks, hosts and threads gives the same bits.",
    usage: [
      "mpirun -np N gpt-ddp [options]",
      "gpt-ddp --np N [options]           (starts mpirun itself)",
      "gpt-ddp [options]                  (one process)",
    ],
    sections: [
      OptionSection(
        "What to train on", [preset, data, dataFolder, dataURL, noDownload] + settings(SettingsTable.corpus)),
      OptionSection("Model", settings(SettingsTable.model) + [initFrom]),
      OptionSection("Training", settings(SettingsTable.training) + [maxSteps]),
      OptionSection(
        "Output",
        [
          log, logInterval, quiet, metrics, page, compare, svg, hashInterval, sampleInterval, sampleCount,
          temperature, profile,
        ]),
      OptionSection(
        "Checkpoints",
        [
          checkpoint, checkpointInterval, keep, resume, autoResume, moreEpochs, moreSteps, noSave, replace,
        ]),
      OptionSection(
        "Parallelism",
        [processCount, threads, hostfile, supervise, maxRestarts, hangTimeout, ignoreMemory]
          + settings(SettingsTable.kernels)),
      OptionSection("Before a run", [config, dryRun, doctor, run, restarted, exchangeCheck]),
    ],
    examples: examples,
    exitStatuses: [
      ManualEntry("0", "Done, also where --patience has ended it early."),
      ManualEntry("1", "A rank, a library or the system failed."),
      ManualEntry("2", "Bad input: one line says what; nothing was changed."),
      ManualEntry("75", "Stopped by a signal, and saved: --resume goes on."),
      ManualEntry("130", "Stopped before the first step; nothing was changed."),
    ],
    files: [
      ManualEntry("checkpoints/", "States of trainings; a folder of the place where the program is started."),
      ManualEntry("data/", "Downloaded corpora."),
      ManualEntry(
        "~/.cache/microgpt", "What is remembered of large texts, and texts from other hosts. May be deleted."),
    ],
    environment: [
      ManualEntry("XDG_CACHE_HOME", "Where `microgpt` stands in place of ~/.cache."),
      ManualEntry("TMPDIR", "For mpirun's sockets."),
    ],
    seeAlso: ["gpt-sample(1)", "mpirun(1)"],
    footer: """
      Options are spelt with - or _ alike (--n_embd = --n-embd), their values behind a space or =. Numbers may be written \
      1_000 or 1e3, fractions 10%, too.
      """,
    optionFile: config,
    meaningOfStray: { argument in
      let name = argument.lowercased()
      if Preset.all.contains(where: { $0.name == name }) { return "--\(preset.name) \(name)" }
      if name.hasSuffix(".jld2") { return "--\(checkpoint.name) \(quoted(argument)) --\(resume.name)" }
      return FileIdentity(argument) != nil || name.hasSuffix(".txt")
        ? "--\(data.name) \(quoted(argument))" : nil
    })

  /// A test parses each of them.
  package static let examples = [
    CommandExample("Train on Shakespeare with all cores of this machine:", "gpt-ddp"),
    CommandExample(
      "Names, in less than a second; then more of them:",
      "gpt-ddp --preset names && gpt-ddp --preset names --resume --more-steps 500"),
    CommandExample(
      "A text of your own, stopped when five validations bring nothing better:",
      "gpt-ddp --data novel.txt --checkpoint checkpoints/novel.jld2 --val-frac 10% --patience 5"),
    CommandExample(
      "What a larger model would take, before it is trained:",
      "gpt-ddp --data books --n-embd 384 --n-layer 6 --n-head 6 --num-steps 5e3 --dry-run"),
    CommandExample(
      "Two ranks here, again where a rank dies, with metrics:",
      "gpt-ddp --np 2 --supervise --metrics run.jsonl"),
    CommandExample("Ranks of several hosts:", "mpirun --hostfile hostfile -np 4 --bind-to none gpt-ddp"),
    CommandExample("Go on after an interruption, with the same bits:", "gpt-ddp --resume"),
  ]

  /// The rows of the settings table, with the presets' values as their defaults.
  private static func settings(_ rows: [Setting]) -> [any DeclaredOption] {
    rows.map { row in row.showing(default: Preset.defaultText { $0.text(of: row) }) }
  }
}

extension Preset {
  /// What `row` is unless the user says otherwise. Lengths are known with the corpus; here they are what was said.
  fileprivate func text(of row: Setting) -> String {
    switch (row.name, length) {
    case (SettingsTable.epochs.name, .epochs(let epochs)): "\(epochs)"
    case (SettingsTable.steps.name, .steps(let steps)): "\(steps)"
    case (SettingsTable.epochs.name, _), (SettingsTable.steps.name, _): "-"
    case (SettingsTable.warmup.name, _):
      decimal(warmupFraction) + (mostWarmupSteps < .max ? " up to \(mostWarmupSteps) steps" : "")
    case (SettingsTable.warmupSteps.name, _): "-"
    case (SettingsTable.initialScheme.name, _) where choosesInitialScheme: "auto"
    case (SettingsTable.validationBatches.name, _): "all of few, or 64"
    default: row.text(in: configuration)
    }
  }
}
